import type { SourceFile } from "@tvix-ts/syntax"
import { sparseArray } from "../sparse-array.ts"
import type { Forced } from "../value.ts"
import { PathLiteral, type CodeInfo, type Unit, type UnitTables } from "./unit.ts"

/** A unit fresh from the compiler. */
export class CompiledUnit implements Unit {
  readonly source: SourceFile
  readonly basePath: string
  readonly home: string | undefined
  readonly words: Int32Array
  readonly codeCount: number
  readonly tables: UnitTables
  readonly #paths: (Forced | undefined)[]

  constructor(tables: UnitTables, source: SourceFile, basePath: string, home: string | undefined) {
    this.source = source
    this.basePath = basePath
    this.home = home
    this.words = tables.words
    this.codeCount = tables.codes.length
    this.tables = tables
    this.#paths = sparseArray(tables.constants.length)
  }

  code(index: number): CodeInfo {
    return this.tables.codes[index]!
  }
  constant(index: number): Forced {
    const constant = this.tables.constants[index]!
    return constant instanceof PathLiteral ? (this.#paths[index] ??= constant.resolve(this)) : constant
  }
  name(index: number): string {
    return this.tables.names[index]!
  }
  shapeNames(index: number): readonly string[] {
    return this.tables.shapes[index]!.names
  }
  shapeOffsets(index: number): readonly number[] {
    return this.tables.shapes[index]!.offsets
  }
}
