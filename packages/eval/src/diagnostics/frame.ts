/**
 * Problems in our own style: what, where (the line, the place underlined), on the way to what, and what may help.
 *
 *     error[attribute-missing]: attribute 'colour' missing
 *       --> /home/me/shop.nix:3:9
 *        |
 *      3 |   paint shop.colour
 *        |         ^^^^
 *        = while evaluating the attribute 'wall'  (/home/me/shop.nix:7:3)
 *        = hint: Did you mean color?
 */
import { describe, relatedPlaces, type Failure, type Trace } from "../problem.ts"
import type { AttrSet } from "../attrs.ts"
import type { Position } from "../positions.ts"
import { DERIVATION_FILE } from "../builtins/derivation.ts"
import { isCorePath } from "../core-files.ts"
import type { PositionTable } from "../positions.ts"
import { hintsFor } from "./hint.ts"
import { plain, type Palette } from "./palette.ts"
import { tokenLength } from "./token.ts"

export interface FrameTextOptions {
  readonly positions: PositionTable
  /** The outermost scope, for suggestions. */
  readonly globals?: AttrSet
  readonly showTrace: boolean
  readonly palette?: Palette
}

/** Lines of the chain that are shown without `showTrace`: those nearest to the problem. */
const TRACES_MAX = 4

/** A byte string without the line end. */
export function frameText(
  failure: Failure,
  { positions, globals, showTrace, palette = plain }: FrameTextOptions,
): string {
  const { problem } = failure
  const lines = [`${palette.error(`error[${problem.code}]`)}: ${palette.bold(describe(problem, positions))}`]

  const at = mainPlace(failure, positions)
  const place = positions.place(at)
  const margin = place === undefined ? 2 : String(place.source.position(place.offset).line).length + 1
  const gutter = (text: string): string => palette.at(text.padStart(margin))
  if (place !== undefined) {
    const { source, offset } = place
    const { line, column } = source.position(offset)
    const code = source.line(line) ?? ""
    // Tabs take what room the terminal gives them: the line below has to have them at the same columns.
    const indent = code.slice(0, column - 1).replace(/[^\t]/g, " ")
    const carets = "^".repeat(Math.max(1, Math.min(tokenLength(source.text, offset), code.length - column + 1)))
    lines.push(`${gutter("-->").padStart(margin)} ${palette.place(positions.show(at))}`, gutter("") + palette.at(" |"))
    lines.push(`${gutter(String(line))}${palette.at(" |")} ${code}`)
    lines.push(`${gutter("")}${palette.at(" |")} ${indent}${palette.error(carets)}`)
  }

  const note = (text: string): void => void lines.push(`${gutter("")} ${palette.at("=")} ${text}`)
  for (const { at, message } of relatedPlaces(problem)) note(`${message}: ${palette.place(positions.show(at))}`)
  const chain = innermostFirst(failure.trace, showTrace)
  const shown = showTrace ? chain : chain.filter(({ kind }, i) => i < TRACES_MAX || kind === "always")
  for (const { message, at, told } of shown) {
    const place = at || told
    const words = told === 0 ? message : message.slice(0, message.lastIndexOf("\n"))
    note(place === 0 ? words : `${words}  ${palette.faint(`(${positions.show(place)})`)}`)
  }
  const hidden = chain.length - shown.length
  if (hidden > 0) note(palette.faint(`${hidden} more; --show-trace shows them`))
  for (const hint of hintsFor(problem, globals)) note(`${palette.hint("hint")}: ${hint}`)
  return lines.join("\n")
}

/** The chain from the problem outwards, consecutive repetitions of a line left out. */
export function innermostFirst(trace: Trace | undefined, details: boolean): Trace[] {
  const chain: Trace[] = []
  for (let frame = trace; frame !== undefined; frame = frame.inner) {
    if (frame.message === "" || (frame.kind === "detail" && !details)) continue
    const last = chain.at(-1)
    if (last?.message === frame.message && last.at === frame.at) continue
    chain.push(frame)
  }
  return chain.reverse()
}

/** Where to look: the innermost place that somebody wrote, which files of ours are not. 0 if there is none. */
export function mainPlace({ at, trace }: Failure, positions: PositionTable): Position {
  const traced = innermostFirst(trace, true).map(({ at, told }) => at || told)
  const places = [at, ...traced].filter((place) => place !== 0)
  const isOurs = (place: Position): boolean => {
    const path = positions.place(place)?.source.path ?? ""
    return path === DERIVATION_FILE || isCorePath(path)
  }
  return places.find((place) => !isOurs(place)) ?? places[0] ?? 0
}
