/** Problems in the words of C++ Nix, trace included, byte for byte (libutil/error.cc). */
import { describe, type Failure, type Trace } from "../problem.ts"
import type { MessageKind } from "../evaluation.ts"
import type { PositionTable } from "../positions.ts"
import { didYouMean } from "../text/suggest.ts"
import { plain, type Palette } from "./palette.ts"
import { knownNames } from "./hint.ts"
import { forTerminal } from "./terminal.ts"

export interface NixTextOptions {
  readonly positions: PositionTable
  /** All of the trace, calls included. */
  readonly showTrace: boolean
  readonly palette?: Palette
}

/** U+2026, as UTF-8 */
const ELLIPSIS = "\xe2\x80\xa6"
/** Frames printed before a trace is cut off; one with a place counts twice. */
const FRAMES_MAX = 3
/** So many repeated frames in a row, and fewer, are shown after all. */
const REPEATS_SHOWN = 5

/** The text that C++ Nix writes to standard error, as a byte string without the line end. */
export function nixText(failure: Failure, options: NixTextOptions): string {
  const { positions, palette = plain } = options
  const message = describe(failure.problem, positions)
  let body = traceText(failure.trace, options)
  const prefix = `${palette.error("error:")} `
  if (body !== undefined) body += `\n${prefix}${message}\n`
  else body = `${message}\n`
  body += placeText(failure.at, "", options)
  const suggestion = suggestionFor(failure, palette)
  if (suggestion !== undefined) body += `${suggestion}\n`
  let text = indented(prefix, "       ", trimEnd(body))
  // C++ Nix colours what a library said, and so does not see that it ends in newlines.
  if (failure.problem.code === "invalid-argument" && message.endsWith("\n")) {
    text += `${/[\r\n]+$/.exec(message)![0].replaceAll("\r", "")}       `
  }
  return forTerminal(text, palette !== plain)
}

/** What `kind` of message the program or the evaluator has, in a line or more. */
export function nixMessage(kind: MessageKind, message: string, palette: Palette = plain): string {
  switch (kind) {
    case "trace":
      return forTerminal(`trace: ${message}`, palette !== plain)
    case "warning":
      return nixWarning(message, palette)
    case "notice":
      return forTerminal(`${palette.warning("warning:")} ${message}`, palette !== plain)
  }
}

/** `evaluation warning: …`, its further lines indented. */
function nixWarning(message: string, palette: Palette): string {
  const label = "evaluation warning:"
  const text = indented(`${palette.warning(label)} `, " ".repeat(label.length + 1), trimEnd(message))
  return forTerminal(text, palette !== plain)
}

function suggestionFor({ problem }: Failure, palette: Palette): string | undefined {
  const known = knownNames(problem)
  return known === undefined ? undefined : didYouMean(known.names, known.wanted, palette.value)
}

/** A trace this long says the rest of its places without their lines: one line may be long, and in thousands of frames. */
const TRACE_BYTES_MAX = 20_000_000

function traceText(trace: Trace | undefined, options: NixTextOptions): string | undefined {
  const { showTrace, palette = plain } = options
  let text: string | undefined
  const seen = new Set<string>()
  let skipped: Trace[] = []
  let count = 0
  let truncated = false
  const print = (frame: Trace): void => {
    const place = placeText(frame.at, "  ", options, (text?.length ?? 0) < TRACE_BYTES_MAX)
    text = `${text ?? ""}\n${ELLIPSIS} ${frame.message}\n${place}`
    if (place !== "") count++
  }
  const printSkipped = (): void => {
    if (skipped.length <= REPEATS_SHOWN) for (const frame of skipped) print(frame)
    else text += `\n${palette.warning(`(${skipped.length} duplicate frames omitted)`)}\n`
    skipped = []
  }
  for (let frame = trace; frame !== undefined; frame = frame.inner) {
    if (frame.message === "" || (frame.kind === "detail" && !showTrace)) continue
    text ??= ""
    if (!showTrace && count > FRAMES_MAX) truncated = true
    if (truncated && frame.kind !== "always") continue
    const key = `${frame.at}:${frame.message}`
    if (seen.has(key)) {
      skipped.push(frame)
      continue
    }
    seen.add(key)
    printSkipped()
    count++
    print(frame)
  }
  printSkipped()
  if (truncated) {
    const note = "(stack trace truncated; use '--show-trace' to show the full, detailed trace)"
    text += `\n${palette.warning(note)}\n`
  }
  return text
}

/** `at file:line:column:` and the lines around, or "" if the place is unknown. */
function placeText(at: number, indent: string, { positions, palette = plain }: NixTextOptions, lines = true): string {
  const place = positions.place(at)
  if (place === undefined) return ""
  const { source, offset } = place
  const { line, column } = source.position(offset)
  let text = `${indent}${palette.at("at")} ${palette.place(`${source.path}:${line}:${column}`)}:`
  if (!lines || source.text === "" || source.line(line) === undefined) return `${text}\n`
  const show = (number: number): string => {
    const code = source.line(number)
    return code === undefined ? "" : `\n ${String(number).padStart(5)}| ${code}`
  }
  if (line > 1) text += show(line - 1)
  text += `${show(line)}\n      |${" ".repeat(column)}${palette.error("^")}`
  text += show(line + 1)
  return `${text}\n`
}

/** Every line after the first gets `rest` in front; blanks at the ends of lines go. */
function indented(first: string, rest: string, text: string): string {
  return text
    .split("\n")
    .map((line, i) => trimEnd((i === 0 ? first : rest) + line))
    .join("\n")
}

/** Not a regular expression: those look at every blank of a line as a possible beginning, and again at all after it. */
function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && " \n\r\t".includes(text[end - 1]!)) end--
  return text.slice(0, end)
}
