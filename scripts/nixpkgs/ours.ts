/** Our evaluator as something to ask: as repl.ts asks C++ Nix. */
import { byteStringOf } from "@tvix-ts/bytes"
import { deeply, describe, Evaluation, Failure, makeGlobals, NixString, type Value } from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { memoryStore, storeBuiltins, storeIo, type EvaluationStore } from "@tvix-ts/glue"
import { SourceFile } from "@tvix-ts/syntax"
import type { Answer } from "../lang-tests/ask-oracle.ts"

/** An evaluation that remembers what it added to the store. */
export class Session {
  /** Paths of derivations and texts. */
  readonly added = new Set<string>()
  readonly #store: EvaluationStore
  readonly #evaluation: Evaluation
  readonly #scope = new Map<string, Value>()

  constructor() {
    const memory = memoryStore()
    const { added } = this
    this.#store = {
      ...memory,
      addDerivation(path, record) {
        added.add(path)
        return memory.addDerivation(path, record)
      },
      addText(path, contents, references) {
        added.add(path)
        return memory.addText(path, contents, references)
      },
    }
    this.#evaluation = new Evaluation(
      {
        io: storeIo(nodeIo(), this.#store),
        builtins: storeBuiltins(this.#store),
        system: "x86_64-linux",
      },
      makeGlobals,
    )
  }

  /** A variable for later questions. */
  define(name: string, expression: string): void {
    this.#scope.set(name, this.#load(expression))
  }

  /** What `question` evaluates to, a string. */
  ask(question: string): Answer {
    try {
      const value = this.#evaluation.runSync(deeply(this.#load(question)))
      if (typeof value === "string") return { value }
      return { value: value instanceof NixString ? value.bytes : "not a string" }
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      return { error: describe(error.problem), line: undefined }
    }
  }

  /** The bytes of what was added at `path`. */
  async text(path: string): Promise<string | undefined> {
    return this.#store.text(path)
  }

  #load(expression: string): Value {
    return this.#evaluation.load(new SourceFile("«string»", byteStringOf(expression)), "/", this.#scope)
  }
}
