/** `tvix lint` */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { applyFixes, colored, isPedantic, lint, LINT_CODES, plain, type Finding, type WarningCode } from "@tvix-ts/eval"
import { SourceFile } from "@tvix-ts/syntax"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { codeFrame } from "../code-frame.ts"
import { UsageError, type Option } from "../options.ts"
import { colorsWanted, writeError, writeOut } from "../output.ts"
import type { Command, Tool } from "./command.ts"
import { misuse, readOptions } from "./usage.ts"

interface LintSettings {
  json: boolean
  fix: boolean
  pedantic: boolean
  denyAll: boolean
  readonly deny: Set<WarningCode>
  readonly allow: Set<WarningCode>
  pipeOperators: boolean
}

const OPTIONS: readonly Option<LintSettings>[] = [
  { names: ["--json"], values: [], summary: "print one JSON array", set: (to) => void (to.json = true) },
  {
    names: ["--fix"],
    values: [],
    summary: "change the files where that keeps their meaning; what is left is reported",
    set: (to) => void (to.fix = true),
  },
  {
    names: ["--pedantic"],
    values: [],
    summary: "also give the warnings that are matters of taste",
    set: (to) => void (to.pedantic = true),
  },
  {
    names: ["--deny"],
    values: ["CODE"],
    summary: "make this warning an error; all of them, if CODE is warnings",
    set(to, code) {
      if (code === "warnings") to.denyAll = true
      else to.deny.add(warningCode(code))
    },
  },
  {
    names: ["--allow"],
    values: ["CODE"],
    summary: "leave this warning out",
    set: (to, code) => void to.allow.add(warningCode(code)),
  },
  {
    names: ["--extra-experimental-features"],
    values: ["NAMES"],
    summary: "allow what Nix does not allow yet, such as pipe-operators",
    set: (to, names) => void (to.pipeOperators ||= names.split(/\s+/).includes("pipe-operators")),
  },
]

function warningCode(text: string): WarningCode {
  const code = LINT_CODES.find((known) => known === text)
  if (code === undefined) throw new UsageError(`no warning is called '${text}'; they are ${LINT_CODES.join(", ")}`)
  return code
}

type Level = "error" | "warning"

/** As many rounds of fixing as it may take until nothing is left that another fix has brought about. */
const ROUNDS_MAX = 20

function unreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === "ENOENT" ? "no such file or folder" : message
}

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: LintSettings = {
    json: false,
    fix: false,
    pedantic: false,
    denyAll: false,
    deny: new Set(),
    allow: new Set(),
    pipeOperators: false,
  }
  const operands = await readOptions(tool, "lint", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  if (operands.length === 0) return misuse(tool, new UsageError("nothing to look at: name files or folders"), "lint")

  const pedantic = settings.pedantic || [...settings.deny].some(isPedantic)
  const check = (source: SourceFile): Finding[] =>
    lint(source, { pedantic, allow: settings.allow, pipeOperators: settings.pipeOperators }).filter(
      ({ code }) => settings.pedantic || !isPedantic(code as WarningCode) || settings.deny.has(code as WarningCode),
    )
  const levelOf = ({ code }: Finding): Level =>
    code === "syntax" || code === "undefined-variable" || settings.denyAll || settings.deny.has(code)
      ? "error"
      : "warning"

  const counts = { files: 0, error: 0, warning: 0, fixed: 0 }
  const records: object[] = []
  const palette = colorsWanted() ? colored : plain
  for (const path of filesIn(operands)) {
    let source: SourceFile
    try {
      source = new SourceFile(byteStringOf(path), readFileSync(path, "latin1"))
    } catch (error) {
      counts.error++
      writeError(byteStringOf(`tvix: ${path}: ${unreadable(error)}\n`))
      continue
    }
    counts.files++
    let findings = check(source)
    if (settings.fix) {
      const { text } = source
      for (let round = 0; round < ROUNDS_MAX; round++) {
        const fixed = applyFixes(source.text, findings)
        if (fixed.count === 0) break
        counts.fixed += fixed.count
        source = new SourceFile(source.path, fixed.text)
        findings = check(source)
      }
      if (source.text !== text) writeFileSync(path, source.text, "latin1")
    }
    for (const finding of findings) {
      const level = levelOf(finding)
      counts[level]++
      if (settings.json) records.push(record(finding, level, source))
      else writeOut(`${codeFrame({ ...finding, level, source }, palette)}\n\n`)
    }
  }
  if (settings.json) writeOut(byteStringOf(`${JSON.stringify(records, null, 2)}\n`))
  else writeError(`${summary(counts)}\n`)
  return counts.error > 0 ? 1 : 0
}

function summary({
  files,
  error,
  warning,
  fixed,
}: Readonly<Record<"files" | "error" | "warning" | "fixed", number>>): string {
  const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`
  return `${count(files, "file")}: ${count(error, "error")}, ${count(warning, "warning")}${fixed > 0 ? `, ${fixed} fixed` : ""}`
}

function record({ code, message, from, to, fix }: Finding, level: Level, source: SourceFile): object {
  const start = source.position(from)
  const end = source.position(to)
  return {
    code,
    level,
    message: textOf(message),
    file: textOf(source.path),
    from,
    to,
    line: start.line,
    column: start.column,
    endLine: end.line,
    endColumn: end.column,
    ...(fix && { fix: fix.map((edit) => ({ ...edit, text: textOf(edit.text) })) }),
  }
}

/** The files named, and the Nix files below the folders named, in order; links are not followed there. */
function* filesIn(operands: readonly string[]): Generator<string> {
  for (const operand of operands) {
    if (statSync(operand, { throwIfNoEntry: false })?.isDirectory() !== true) {
      yield operand
      continue
    }
    const folders = [operand]
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
      for (const entry of entries) {
        if (entry.isFile() && entry.name.endsWith(".nix")) yield join(folder, entry.name)
      }
      for (const entry of entries.reverse()) {
        if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules")
          folders.push(join(folder, entry.name))
      }
    }
  }
}

export const command: Command = {
  usage: "tvix lint [OPTION...] FILE|DIR...",
  details: `Folders are searched for files that end in .nix. Exit status: 0 if there are no errors, 1 if there are.
A comment allows what it names on its line: # tvix-lint: allow CODE
docs/guides/lint.md explains every code.

Examples:
  tvix lint .
  tvix lint --fix --deny warnings default.nix
  tvix lint --json . | jq -r '.[].code' | sort | uniq -c`,
  options: OPTIONS,
  operands: "files",
  run,
}
