import type { SourceFile } from "@tvix-ts/syntax"
import { absPath, canonPath } from "../text/canon-path.ts"
import { NixPath, type Forced, type NixFloat } from "../value.ts"

/**
 * One compiled file: everything but the globals that running it needs. Its tables are asked for by index, since most of
 * a file is never run, and a unit that comes from a cache is decoded as far as it is.
 */
export interface Unit {
  readonly source: SourceFile
  /** What relative paths and `~` are resolved against. */
  readonly basePath: string
  readonly home: string | undefined
  readonly words: Int32Array
  readonly codeCount: number
  /** The first is the file itself. */
  code(index: number): CodeInfo
  constant(index: number): Forced
  name(index: number): string
  /** Of a set literal, sorted by byte. */
  shapeNames(index: number): readonly string[]
  /** Where they were defined; -1 if that is unknown. */
  shapeOffsets(index: number): readonly number[]
}

/** What a unit is made of, whatever source text it comes from: other files with the same text have the same. */
export interface UnitTables {
  readonly words: Int32Array
  readonly constants: readonly Constant[]
  readonly names: readonly string[]
  readonly shapes: readonly ShapeInfo[]
  readonly codes: readonly CodeInfo[]
}

/** A value; or a path as it is written, which is a value only where the file is. */
export type Constant = null | number | bigint | string | NixFloat | readonly never[] | PathLiteral
export class PathLiteral {
  readonly text: string
  /** Whether it begins an interpolated path, and so keeps the slash at its end. */
  readonly begins: boolean

  constructor(text: string, begins: boolean) {
    this.text = text
    this.begins = begins
  }

  resolve({ basePath, home }: Pick<Unit, "basePath" | "home">): NixPath {
    const { text } = this
    const slash = this.begins && text.length > 1 && text.endsWith("/") ? "/" : ""
    const path = text.startsWith("~")
      ? canonPath((home ?? "/homeless-shelter") + text.slice(1))
      : absPath(text, basePath)
    return new NixPath(slash === "" ? path : path.replace(/\/$/, "") + slash)
  }
}

/** The names of a set literal, sorted by byte, and the offsets they were defined at (-1 if unknown). */
export interface ShapeInfo {
  readonly names: readonly string[]
  readonly offsets: readonly number[]
}

export interface CodeInfo {
  /** Index of the code it is written in; -1 for the file. */
  readonly parent: number
  /** Where its instruction starts in `words`. */
  readonly entry: number
  /** Slots of the frame it makes when it is entered; 0 if it runs in the frame it was defined in. */
  readonly slots: number
  /** Offset of its expression, for the disassembler. */
  readonly at: number
  readonly lambda: LambdaInfo | undefined
}

export interface LambdaInfo {
  readonly name: string | undefined
  /** Plain parameters take slots 0, 1, …; a pattern, which can only come last, has its own. */
  readonly params: readonly ParamInfo[]
  /**
   * Bit i: evaluating the body certainly forces parameter i, so an argument that cannot fail may be computed
   * at the call instead of in a thunk, and nobody can tell.
   */
  readonly strict: number
  /** Bit i: it does so before anything that can fail, apart from forcing the parameters before i. */
  readonly immediate: number
}
export interface ParamInfo {
  readonly name: string | undefined
  /** -1: the parameter is never used, and has no slot. */
  readonly slot: number
  readonly at: number
  readonly formals: readonly FormalInfo[] | undefined
  readonly ellipsis: boolean
  readonly doc: string | undefined
}
export interface FormalInfo {
  readonly name: string
  readonly slot: number
  readonly at: number
  /** Where the `lazy` instruction of the default is; -1: required. */
  readonly fallback: number
}
