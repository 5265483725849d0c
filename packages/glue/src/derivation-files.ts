/** Derivations that this evaluation did not make, read from their files with all that they need. */
import { IoError, type Awaitable } from "@tvix-ts/eval"
import {
  DerivationError,
  derivationHashes,
  DERIVATION_SUFFIX,
  outputKind,
  parseAterm,
  parseStorePath,
  StorePathError,
  textPath,
  type Derivation,
} from "@tvix-ts/nix-compat"
import type { DerivationRecord } from "./store.ts"
import { InvalidPath } from "./store-problem.ts"

/** Files that are asked for at once. */
const AT_ONCE = 64

/**
 * The derivation at `path` with its hashes; undefined if there is none. Everything it needs is read, unless `known` has it,
 * and added to `known`. Each file has to be what its path says.
 *
 * @param readText what the file at a store path contains
 * @throws {IoError}
 */
export async function readDerivation(
  path: string,
  known: Map<string, DerivationRecord>,
  readText: (path: string) => Awaitable<string | undefined>,
): Promise<DerivationRecord | undefined> {
  const read = new Map<string, Derivation>()
  for (let wanted = [path]; wanted.length > 0;) {
    const more = new Set<string>()
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      const some = wanted.slice(at, at + AT_ONCE)
      const texts = await Promise.all(some.map(async (one) => readText(one)))
      for (const [i, text] of texts.entries()) {
        const one = some[i]!
        if (text === undefined) {
          if (one === path) return undefined
          throw new InvalidPath(one)
        }
        const derivation = parsed(one, text)
        read.set(one, derivation)
        for (const input of inputsForHashes(derivation)) if (!known.has(input) && !read.has(input)) more.add(input)
      }
    }
    wanted = [...more].filter((one) => !read.has(one))
  }
  addHashes(path, read, known)
  return known.get(path)
}

function parsed(path: string, text: string): Derivation {
  try {
    const { name } = parseStorePath(path)
    const derivation = parseAterm(text, name.slice(0, -DERIVATION_SUFFIX.length))
    const references = [...derivation.inputSources, ...derivation.inputDerivations.keys()]
    if (textPath(name, text, new Set(references)) !== path) {
      throw new IoError(`derivation '${path}' is damaged: its contents belong to another path`)
    }
    return derivation
  } catch (error) {
    if (!(error instanceof DerivationError) && !(error instanceof StorePathError)) throw error
    throw new IoError(`error parsing derivation '${path}': ${error.message}`, { cause: error })
  }
}

/** What is promised of a fixed output says all there is to say of it. */
function inputsForHashes(derivation: Derivation): Iterable<string> {
  return outputKind(derivation) === "fixed" ? [] : derivation.inputDerivations.keys()
}

/** Hashes of inputs first. */
function addHashes(path: string, read: ReadonlyMap<string, Derivation>, known: Map<string, DerivationRecord>): void {
  const entered = new Set<string>()
  for (const stack = [path]; stack.length > 0;) {
    const top = stack.at(-1)!
    const derivation = read.get(top)
    if (known.has(top) || derivation === undefined) {
      stack.pop()
      continue
    }
    if (!entered.has(top)) {
      entered.add(top)
      for (const input of inputsForHashes(derivation)) {
        if (known.has(input)) continue
        if (entered.has(input)) throw new IoError(`derivation '${input}' needs itself`)
        stack.push(input)
      }
      continue
    }
    stack.pop()
    try {
      known.set(top, { derivation, hashes: derivationHashes(derivation, (input) => known.get(input)!.hashes) })
    } catch (error) {
      if (!(error instanceof DerivationError)) throw error
      throw new IoError(`derivation '${top}': ${error.message}`, { cause: error })
    }
  }
}
