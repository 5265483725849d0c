/** What is wrong with a derivation that could be written all the same: C++ Nix's `checkInvariants`, and more of it. */
import { derivationHashes, derivationPath, type DerivationHashes, type HashesOfInput } from "./derivation-hash.ts"
import { outputKind, type Derivation, type DerivationOutput } from "./derivation.ts"
import { DerivationError, StorePathError, type DerivationProblem, type StorePathProblem } from "./problem.ts"
import {
  checkName,
  DERIVATION_SUFFIX,
  fixedOutputPath,
  outputName,
  outputPath,
  parseStorePath,
  STORE_DIR,
} from "./store-path.ts"

export interface DerivationCheck {
  /** Where it is said to be. Without, its own path is not looked at. */
  readonly path?: string
  /** Without, the paths of outputs that depend on its inputs are not computed. */
  readonly hashesOfInput?: HashesOfInput
  readonly storeDir?: string
}

/** Everything that is wrong, in the order of the fields. */
export function checkDerivation(derivation: Derivation, check: DerivationCheck = {}): DerivationProblem[] {
  const checker = new Checker(derivation, check)
  checker.names()
  checker.outputs()
  checker.inputs()
  checker.ownPath()
  return checker.problems
}

class Checker {
  readonly problems: DerivationProblem[] = []
  readonly #derivation: Derivation
  readonly #check: DerivationCheck
  readonly #storeDir: string

  constructor(derivation: Derivation, check: DerivationCheck) {
    this.#derivation = derivation
    this.#check = check
    this.#storeDir = check.storeDir ?? STORE_DIR
  }

  names(): void {
    const { name, outputs, system, builder } = this.#derivation
    this.#attempt("the name", () => checkName(name))
    for (const output of outputs.keys()) this.#attempt(`output '${output}'`, () => checkName(outputName(name, output)))
    if (system === "") this.problems.push({ code: "part-empty", part: "the system" })
    if (builder === "") this.problems.push({ code: "part-empty", part: "the builder" })
  }

  outputs(): void {
    const { outputs } = this.#derivation
    this.#attempt("the outputs", () => outputKind({ outputs }))
    // Found out at most once, and only if somebody needs them.
    let known: DerivationHashes | undefined | "unknown" = "unknown"
    for (const [name, output] of outputs) {
      const part = `output '${name}'`
      if ("path" in output) this.#storePath(part, output.path)
      if (output.kind === "fixed") this.#fixed(name, output)
      if (output.kind !== "input-addressed" && output.kind !== "deferred") continue
      if (known === "unknown") known = this.#hashes()
      if (known !== undefined) this.#inputAddressed(name, output, known)
      else if (output.kind === "input-addressed") this.#variable(name, output.path)
    }
  }

  #hashes(): DerivationHashes | undefined {
    const { hashesOfInput } = this.#check
    if (hashesOfInput === undefined) return undefined
    return this.#attempt("the outputs", () => derivationHashes(this.#derivation, hashesOfInput, true))
  }

  #fixed(output: string, { path, method, hash }: DerivationOutput & { readonly kind: "fixed" }): void {
    const name = outputName(this.#derivation.name, output)
    const expected = this.#attempt(`output '${output}'`, () => fixedOutputPath(name, method, hash, this.#storeDir))
    if (expected === undefined) return
    if (path !== expected) this.problems.push({ code: "output-path-wrong", output, path, expected })
    this.#variable(output, expected)
  }

  #inputAddressed(output: string, said: DerivationOutput, { outputs, deferred }: DerivationHashes): void {
    const path = said.kind === "input-addressed" ? said.path : undefined
    if (deferred) {
      if (path !== undefined) this.problems.push({ code: "output-path-unknowable", output, path })
      return
    }
    const { name } = this.#derivation
    const expected = this.#attempt(`output '${output}'`, () =>
      outputPath(name, output, outputs.get(output)!, this.#storeDir),
    )
    if (expected === undefined) return
    if (path === undefined) this.problems.push({ code: "output-path-missing", output, expected })
    else if (path !== expected) this.problems.push({ code: "output-path-wrong", output, path, expected })
    this.#variable(output, expected)
  }

  /** That of an output says where it goes. */
  #variable(output: string, expected: string): void {
    const value = this.#derivation.env.get(output)
    if (value === undefined) this.problems.push({ code: "output-variable-missing", output, expected })
    else if (value !== expected) this.problems.push({ code: "output-variable-wrong", output, value, expected })
  }

  inputs(): void {
    const { inputDerivations, inputSources } = this.#derivation
    for (const [path, outputs] of inputDerivations) {
      const part = `input derivation '${path}'`
      this.#storePath(part, path)
      if (!path.endsWith(DERIVATION_SUFFIX)) this.problems.push({ code: "input-not-derivation", path })
      for (const output of outputs) this.#attempt(`output '${output}' of ${part}`, () => checkName(output))
    }
    for (const path of inputSources) this.#storePath(`input source '${path}'`, path)
  }

  ownPath(): void {
    const { path } = this.#check
    if (path === undefined) return
    const expected = this.#attempt("the path", () => derivationPath(this.#derivation, this.#storeDir))
    if (expected !== undefined && path !== expected)
      this.problems.push({ code: "derivation-path-wrong", path, expected })
  }

  #storePath(part: string, path: string): void {
    this.#attempt(part, () => parseStorePath(path, this.#storeDir))
  }

  #attempt<T>(part: string, run: () => T): T | undefined {
    try {
      return run()
    } catch (error) {
      if (error instanceof DerivationError) this.problems.push(error.problem)
      else if (error instanceof StorePathError) this.#part(part, error.problem)
      else throw error
      return undefined
    }
  }

  #part(part: string, cause: StorePathProblem): void {
    this.problems.push({ code: "part-path", part, cause })
  }
}
