import type { Expr } from "../ast.ts"

/** One piece of a `''…''` literal, at `[from, to)`: an interpolated expression or some text. */
export type IndentedPiece = IndentedText | IndentedExpr
interface IndentedText {
  readonly from: number
  readonly to: number
  readonly text: string
  /** False for escapes such as `''$`: whatever they stand for, it is no indentation. */
  readonly indentation: boolean
  readonly expr?: undefined
}
interface IndentedExpr {
  readonly from: number
  readonly to: number
  readonly expr: Expr
}

const SPACE = 0x20
const NEWLINE = 0x0a

/** Where nothing sets an indentation; C++ Nix has the same limit. */
const INDENT_MAX = 1_000_000

/**
 * Removes from every line the indentation that all lines share, and the last line if it has nothing but spaces. Lines
 * that have nothing but spaces do not count, and only spaces are indentation. Pieces that become empty are left out.
 */
export function stripIndentation(pieces: readonly IndentedPiece[]): IndentedPiece[] {
  const indent = sharedIndentation(pieces)
  const stripped: IndentedPiece[] = []
  let atLineStart = true
  /** Spaces met on this line so far. */
  let spaces = 0
  pieces.forEach((piece, index) => {
    if (piece.expr !== undefined) {
      atLineStart = false
      spaces = 0
      stripped.push(piece)
      return
    }
    const { text } = piece
    let out = ""
    let i = 0
    while (i < text.length) {
      if (atLineStart) {
        const start = i
        while (text.charCodeAt(i) === SPACE) i++
        const dropped = Math.min(i - start, Math.max(0, indent - spaces))
        out += text.slice(start + dropped, i)
        spaces += i - start
        if (i >= text.length) break
        spaces = 0
        if (text.charCodeAt(i) !== NEWLINE) atLineStart = false
        else {
          out += "\n"
          i++
        }
      } else {
        const newline = text.indexOf("\n", i)
        const end = newline < 0 ? text.length : newline + 1
        out += text.slice(i, end)
        atLineStart = newline >= 0
        i = end
      }
    }
    if (index === pieces.length - 1) out = withoutLastBlankLine(out)
    if (out !== "") stripped.push({ ...piece, text: out })
  })
  return stripped
}

function sharedIndentation(pieces: readonly IndentedPiece[]): number {
  let shared = INDENT_MAX
  let current = 0
  let atLineStart = true
  for (const piece of pieces) {
    if (piece.expr !== undefined || !piece.indentation) {
      if (atLineStart) shared = Math.min(shared, current)
      atLineStart = false
      continue
    }
    const { text } = piece
    let i = 0
    while (i < text.length) {
      if (!atLineStart) {
        const newline = text.indexOf("\n", i)
        if (newline < 0) break
        i = newline + 1
        atLineStart = true
        current = 0
        continue
      }
      while (text.charCodeAt(i) === SPACE) {
        current++
        i++
      }
      if (i >= text.length) break
      if (text.charCodeAt(i) === NEWLINE) {
        current = 0
        i++
      } else {
        atLineStart = false
        shared = Math.min(shared, current)
      }
    }
  }
  return shared
}

function withoutLastBlankLine(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === SPACE) end--
  return end > 0 && text.charCodeAt(end - 1) === NEWLINE ? text.slice(0, end) : text
}
