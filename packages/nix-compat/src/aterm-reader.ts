/**
 * Reads the files that aterm.ts writes. What C++ Nix 2.34 refuses (libstore/derivations.cc) is refused, and besides it,
 * because no derivation has it and readers would disagree on what it means: commas too many or too few, anything after
 * the end, and two things by one name. Lists may be in any order.
 *
 * One pass, whose time grows with the length of the text. Only a derivation whose inputs are made by other derivations
 * has parts in each other:
 *
 *     DrvWithVersion("xp-dyn-drv",[…],[(derivation,([output…],[(output,[output…])…]))…],…)
 */
import { HashError, parseBareHash, parseHashAlgorithm } from "@tvix-ts/hash"
import { DYNAMIC_VERSION, JSON_VARIABLE } from "./aterm.ts"
import { DYNAMIC_DEPTH_MAX, type Derivation, type DerivationOutput, type DynamicInput } from "./derivation.ts"
import { jsonObjectProblem } from "./json.ts"
import { DerivationError, StorePathError, type AtermProblem } from "./problem.ts"
import { methodPrefix, parseStorePath, STORE_DIR, type HashMethod } from "./store-path.ts"

/**
 * The derivation that `text` is the file of. Whether its paths are right is another question: checkDerivation.
 *
 * @param name of the derivation, which the file does not have: that of its path without `.drv`
 * @throws {DerivationError} whose problem has a byte offset, and in words what is there
 */
export function parseAterm(text: string, name: string, storeDir: string = STORE_DIR): Derivation {
  return new AtermReader(text, storeDir).derivation(name)
}

class AtermReader {
  readonly #text: string
  readonly #storeDir: string
  #at = 0
  /** What is being read, for problems. */
  #part = "the derivation"
  #isDynamic = false

  constructor(text: string, storeDir: string) {
    this.#text = text
    this.#storeDir = storeDir
  }

  derivation(name: string): Derivation {
    this.#start()
    this.#part = "the outputs"
    const outputs = this.#map("output", () => this.#output())
    this.#expect(",")
    this.#part = "the input derivations"
    const dynamicInputs = new Map<string, ReadonlyMap<string, DynamicInput>>()
    const inputDerivations = this.#map("input derivation", (path, at) => {
      this.#checkPath(path, at)
      this.#expect(",")
      const { outputs: needed, dynamic } = this.#input(0)
      if (dynamic !== undefined) dynamicInputs.set(path, dynamic)
      return needed
    })
    this.#expect(",")
    this.#part = "the input sources"
    const inputSources = this.#set((path, at) => this.#checkPath(path, at))
    this.#expect(",")
    this.#part = "the system"
    const system = this.#string()
    this.#expect(",")
    this.#part = "the builder"
    const builder = this.#string()
    this.#expect(",")
    this.#part = "the arguments"
    const args: string[] = []
    this.#list(() => args.push(this.#string()))
    this.#expect(",")
    this.#part = "the environment"
    const env = this.#map("variable", (variable) => {
      this.#expect(",")
      const at = this.#at
      const value = this.#string()
      if (variable === JSON_VARIABLE) this.#checkJson(value, at)
      return value
    })
    const structuredAttrs = env.get(JSON_VARIABLE)
    env.delete(JSON_VARIABLE)
    this.#part = "the derivation"
    this.#expect(")")
    if (this.#at < this.#text.length) this.#refuse({ code: "aterm-trailing" })
    return {
      name,
      outputs,
      inputDerivations,
      ...(dynamicInputs.size > 0 && { dynamicInputs }),
      inputSources,
      system,
      builder,
      args,
      env,
      ...(structuredAttrs !== undefined && { structuredAttrs }),
    }
  }

  #start(): void {
    if (this.#text.startsWith("DrvWithVersion(")) {
      this.#at = "DrvWithVersion(".length
      this.#part = "the version"
      const at = this.#at
      const version = this.#string()
      if (version !== DYNAMIC_VERSION) this.#refuse({ code: "aterm-version", version }, at)
      this.#expect(",")
      this.#isDynamic = true
    } else if (this.#text.startsWith("Derive(")) {
      this.#at = "Derive(".length
    } else this.#refuse({ code: "aterm-start" })
  }

  /** After its name. */
  #output(): DerivationOutput {
    this.#expect(",")
    const pathAt = this.#at
    const path = this.#string()
    this.#expect(",")
    const algorithmAt = this.#at
    const prefixed = this.#string()
    this.#expect(",")
    const hashAt = this.#at
    const digits = this.#string()
    if (prefixed === "") {
      // C++ Nix does not look at the hash where there is no algorithm.
      if (digits !== "") this.#refuse({ code: "aterm-output-hash", reason: "a hash without an algorithm" }, hashAt)
      if (path === "") return { kind: "deferred" }
      this.#checkPath(path, pathAt)
      return { kind: "input-addressed", path }
    }
    const method = methodOf(prefixed)
    const algorithm = this.#hashed(() => parseHashAlgorithm(prefixed.slice(methodPrefix(method).length)), algorithmAt)
    if (digits === "impure" || digits === "") {
      const kind = digits === "" ? "floating" : "impure"
      if (path !== "") this.#refuse({ code: "aterm-output-path", kind }, pathAt)
      return { kind, method, algorithm }
    }
    this.#checkPath(path, pathAt)
    return { kind: "fixed", path, method, hash: this.#hashed(() => parseBareHash(digits, algorithm), hashAt) }
  }

  #hashed<T>(parse: () => T, at: number): T {
    try {
      return parse()
    } catch (error) {
      if (!(error instanceof HashError)) throw error
      return this.#refuse({ code: "aterm-output-hash", reason: error.message }, at)
    }
  }

  #input(depth: number): DynamicInput {
    if (!this.#isDynamic || this.#text[this.#at] !== "(") return { outputs: this.#set() }
    if (depth === DYNAMIC_DEPTH_MAX) this.#refuse({ code: "aterm-depth", depthMax: DYNAMIC_DEPTH_MAX })
    this.#at++
    const outputs = this.#set()
    this.#expect(",")
    const part = this.#part
    const dynamic = this.#map("output", () => {
      this.#expect(",")
      return this.#input(depth + 1)
    })
    this.#part = part
    this.#expect(")")
    return { outputs, ...(dynamic.size > 0 && { dynamic }) }
  }

  /** A list of tuples that begin with a name. `rest` reads on behind it, up to the closing parenthesis. */
  #map<T>(thing: string, rest: (name: string, at: number) => T): Map<string, T> {
    const map = new Map<string, T>()
    const part = this.#part
    this.#list(() => {
      this.#expect("(")
      const at = this.#at
      const name = this.#string()
      this.#part = `${thing} '${name}'`
      if (map.has(name)) this.#refuse({ code: "aterm-repeated" }, at)
      map.set(name, rest(name, at))
      this.#expect(")")
      this.#part = part
    })
    return map
  }

  #set(check?: (member: string, at: number) => void): Set<string> {
    const set = new Set<string>()
    this.#list(() => {
      const at = this.#at
      const member = this.#string()
      check?.(member, at)
      if (set.has(member)) this.#refuse({ code: "aterm-repeated" }, at)
      set.add(member)
    })
    return set
  }

  #list(item: () => void): void {
    this.#expect("[")
    if (this.#text[this.#at] === "]") {
      this.#at++
      return
    }
    for (;;) {
      item()
      const next = this.#text[this.#at]
      if (next !== "," && next !== "]") this.#refuse({ code: "aterm-expected", expected: ", or ]" })
      this.#at++
      if (next === "]") return
    }
  }

  #expect(char: string): void {
    if (this.#text[this.#at] !== char) this.#refuse({ code: "aterm-expected", expected: char })
    this.#at++
  }

  #string(): string {
    const text = this.#text
    this.#expect('"')
    const from = this.#at
    let end = from
    for (;;) {
      end = text.indexOf('"', end)
      if (end < 0) this.#refuse({ code: "aterm-unterminated" }, from - 1)
      let slash = end
      while (slash > from && text[slash - 1] === "\\") slash--
      // An escaped backslash does not escape what follows it.
      if ((end - slash) % 2 === 0) break
      end++
    }
    this.#at = end + 1
    const written = text.slice(from, end)
    return written.includes("\\") ? written.replace(ESCAPE, unescape) : written
  }

  #checkPath(path: string, at: number): void {
    try {
      parseStorePath(path, this.#storeDir)
    } catch (error) {
      if (!(error instanceof StorePathError)) throw error
      this.#refuse({ code: "aterm-path", path, cause: error.problem }, at)
    }
  }

  #checkJson(value: string, at: number): void {
    const reason = jsonObjectProblem(value)
    if (reason !== undefined) this.#refuse({ code: "aterm-json", reason }, at)
  }

  #refuse(problem: AtermProblem, at = this.#at): never {
    throw new DerivationError({ ...problem, at, part: this.#part })
  }
}

function methodOf(prefixed: string): HashMethod {
  return METHODS.find((method) => prefixed.startsWith(methodPrefix(method))) ?? "flat"
}
const METHODS: readonly HashMethod[] = ["nar", "text", "git"]

const ESCAPE = /\\([^])/g
/** Any other character stands for itself. */
const ESCAPED: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" }
function unescape(_: string, char: string): string {
  return ESCAPED[char] ?? char
}
