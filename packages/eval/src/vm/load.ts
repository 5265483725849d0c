import { parse, printParsed, SourceFile } from "@tvix-ts/syntax"
import { OwnPositions, type Placed } from "../attribute-positions.ts"
import type { AttrSet } from "../attrs.ts"
import { orderingOf } from "../compiler/ordering.ts"
import type { Unit } from "../compiler/unit.ts"
import type { RuntimeObserver } from "../observe/observer.ts"
import { Shape } from "../shape.ts"
import { sparseArray } from "../sparse-array.ts"
import type { Forced, Value } from "../value.ts"
import { bindCode, bindLambda } from "./bind.ts"
import { Code, LambdaCode, type CodeSource, type Parameter } from "./code.ts"

/** A unit about to run: its code objects come into being, and bind their instructions, when they are first reached. */
export class LoadedUnit implements CodeSource {
  readonly unit: Unit
  /** What to add to an offset to make a position of it. */
  readonly base: number
  readonly globals: AttrSet
  /** Values of the names the unit was compiled with (`CompileOptions.scope`). */
  readonly scope: readonly Value[]
  readonly observer: RuntimeObserver | undefined
  readonly #codes: (Code | undefined)[]
  readonly #lambdas: (LambdaCode | undefined)[]

  constructor(unit: Unit, base: number, globals: AttrSet, scope: readonly Value[] = [], observer?: RuntimeObserver) {
    this.unit = unit
    this.base = base
    this.globals = globals
    this.scope = scope
    this.observer = observer
    this.#codes = sparseArray(unit.codeCount)
    this.#lambdas = sparseArray(unit.codeCount)
  }

  /** The position of a byte offset; 0 for -1, which means unknown. */
  position(offset: number): number {
    return offset < 0 ? 0 : this.base + offset
  }

  /** An expression as C++ Nix shows it in messages; made when a message needs it, which is seldom. */
  text(from: number, to: number): string {
    const { source, basePath, home } = this.unit
    // A file read again for this, since its code was known, and no longer what it was.
    if (source.text.length < to) return "(its text has changed)"
    const { expr } = parse(new SourceFile(source.path, source.text.slice(from, to)), { pipeOperators: true })
    return printParsed(expr, { basePath, home: home ?? "/homeless-shelter" })
  }

  global(name: string): Forced {
    return this.globals.get(name) as Forced
  }

  code(index: number): Code {
    return (this.#codes[index] ??= Code.from(this, index))
  }
  bindCode(code: Code, index: number): void {
    bindCode(this, index, code)
  }

  lambda(index: number): LambdaCode {
    return (this.#lambdas[index] ??= this.#makeLambda(index))
  }
  #makeLambda(index: number): LambdaCode {
    const { lambda, slots } = this.unit.code(index)
    return new LambdaCode(this, index, lambda!, slots, orderingOf(this.unit, index))
  }
  bindLambda(code: LambdaCode, index: number): void {
    bindLambda(this, index, code)
  }
  parameters(index: number): readonly Parameter[] {
    return this.unit.code(index).lambda!.params.map(({ name, at, formals, ellipsis, doc }) => ({
      name,
      at: this.position(at),
      formals: formals?.map((f) => ({ name: f.name, at: this.position(f.at), optional: f.fallback >= 0 })),
      ellipsis,
      doc,
    }))
  }

  /** Of a set literal. */
  shape(index: number): Placed {
    const shape = Shape.of(this.unit.shapeNames(index))
    const positions = (): number[] => this.unit.shapeOffsets(index).map((offset) => this.position(offset))
    return { shape, positions: new OwnPositions(shape, positions) }
  }
}
