import type { SourceFile } from "@tvix-ts/syntax"
import type { Forced } from "../value.ts"

/** One compiled file: everything but the source text and the globals that running it needs. */
export interface Unit {
  readonly source: SourceFile
  /** What relative paths and `~` were resolved against. */
  readonly basePath: string
  readonly home: string | undefined
  readonly words: Int32Array
  readonly constants: readonly Forced[]
  readonly names: readonly string[]
  readonly shapes: readonly ShapeInfo[]
  /** The first is the file itself. */
  readonly codes: readonly CodeInfo[]
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
