/** A piece of source with what is meant underlined. */
import type { Palette } from "@tvix-ts/eval"
import type { SourceFile } from "@tvix-ts/syntax"

export interface Remark {
  readonly level: "error" | "warning"
  readonly code: string
  readonly message: string
  readonly source: SourceFile
  /** `[from, to)` is underlined, as far as it is on its first line. */
  readonly from: number
  readonly to: number
}

/**
 * A byte string without the line end:
 *
 *     warning[unused-let]: 'debug' is never used
 *       --> default.nix:3:3
 *        |
 *      3 |   debug = true;
 *        |   ^^^^^
 */
export function codeFrame({ level, code, message, source, from, to }: Remark, palette: Palette): string {
  const { line, column } = source.position(from)
  const text = source.line(line) ?? ""
  const number = String(line)
  const gutter = " ".repeat(number.length + 1)
  // Tabs take what room the terminal gives them: the line below has to have them at the same columns.
  const indent = text.slice(0, column - 1).replace(/[^\t]/g, " ")
  const length = Math.max(1, Math.min(to - from, text.length - column + 1))
  const paint = palette[level]
  return [
    `${paint(`${level}[${code}]`)}: ${palette.bold(message)}`,
    `${gutter}${palette.at("-->")} ${palette.place(`${source.path}:${line}:${column}`)}`,
    `${gutter} ${palette.at("|")}`,
    ` ${palette.at(`${number} |`)} ${text}`,
    `${gutter} ${palette.at("|")} ${indent}${paint("^".repeat(length))}`,
  ].join("\n")
}
