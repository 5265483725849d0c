/** Derivations by what names them on a command line: store paths, and files of chroot stores or anywhere else. */
import { readFileSync, readlinkSync, statSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { byteStringFrom, byteStringOf, textOf } from "@tvix-ts/bytes"
import { CastoreError, formatDigest, type CallOptions } from "@tvix-ts/castore"
import {
  DerivationError,
  derivationPath,
  DERIVATION_SUFFIX,
  parseAterm,
  parseStorePath,
  parseStorePathBase,
  STORE_DIR,
  StorePathError,
  type Derivation,
} from "@tvix-ts/nix-compat"
import type { PathInfo, Store } from "@tvix-ts/store"
import { wordBytes, wordPath } from "../command-line.ts"
import { UsageError } from "../options.ts"
import { describePath, parsePathWord } from "../store/lookup.ts"

/** What commands take: for their help. */
export const DERIVATION_HELP =
  "DERIVATION is a store path that ends in .drv, or a store path that one was built from, or the file of a derivation " +
  "anywhere on disk. What a file needs is looked for beside it, then in the store."

/** Bytes of the file of a derivation: the largest have some hundred thousand. */
const FILE_MAX = 2 ** 28
/** Files that are asked for at once. */
const AT_ONCE = 32

/** Where what a derivation needs is found. */
interface Loader {
  /** The derivation at a store path. Each is read once. Undefined if it is nowhere. */
  readonly load: (path: string) => Promise<Derivation | undefined>
  /**
   * What the file at a store path contains. Each is read once. Undefined if there is none, which may be a directory, or if
   * it has more bytes.
   */
  readonly text: (path: string, bytesMax: number) => Promise<string | undefined>
}

export interface Found extends Loader {
  readonly path: string
  readonly derivation: Derivation
}

export class Derivations {
  readonly #open: () => Promise<Store>
  readonly #signal: AbortSignal
  /** By the folder that files are looked for in first. */
  readonly #loaders = new Map<string | undefined, Loader>()

  /** @param open the store, once somebody needs it */
  constructor(open: () => Promise<Store>, signal: AbortSignal) {
    let store: Promise<Store> | undefined
    this.#open = () => (store ??= open())
    this.#signal = signal
  }

  /** @throws {UsageError} if the word names no derivation */
  async find(given: string): Promise<Found> {
    const word = derivationWord(given)
    const inStore = wordBytes(word).startsWith(`${STORE_DIR}/`)
    const contents = inStore ? undefined : fileContents(word)
    if (contents === undefined) return this.#findPath(word)
    const loader = this.#loader(dirname(word))
    const base = byteStringOf(basename(word))
    if (!base.endsWith(DERIVATION_SUFFIX)) throw new UsageError(`'${word}' is no derivation: they end in .drv`)
    if (isStorePathBase(base)) {
      const path = `${STORE_DIR}/${base}`
      const derivation = parse(word, parseStorePath(path).name, contents)
      return { ...loader, path, derivation }
    }
    const derivation = parse(word, base, contents)
    return { ...loader, path: derivationPath(derivation), derivation }
  }

  async #findPath(word: string): Promise<Found> {
    const given = parseWord(word)
    let path = wordBytes(word)
    if (!path.endsWith(DERIVATION_SUFFIX)) {
      const { deriver, storePath } = await describePath(given, await this.#open(), { signal: this.#signal })
      const built = storePath.name.endsWith(DERIVATION_SUFFIX) ? storePath : deriver
      if (built === undefined) throw new UsageError(`nobody knows what derivation '${word}' was built from`)
      path = `${built.digest}-${built.name}`
    }
    if (!path.startsWith("/")) path = `${STORE_DIR}/${path}`
    const loader = this.#loader(undefined)
    const derivation = await loader.load(path)
    if (derivation === undefined) throw new CastoreError({ code: "missing", what: `'${textOf(path)}'` })
    return { ...loader, path, derivation }
  }

  #loader(folder: string | undefined): Loader {
    const there = this.#loaders.get(folder)
    if (there !== undefined) return there
    const texts = new Texts(this.#open, this.#signal, folder)
    const known = new Map<string, Promise<Derivation | undefined>>()
    const read = new Map<string, Promise<string | undefined>>()
    const loader: Loader = {
      text(path, bytesMax) {
        let text = read.get(path)
        if (text === undefined) {
          text = texts.read(path, bytesMax)
          read.set(path, text)
        }
        return text
      },
      load(path) {
        let derivation = known.get(path)
        if (derivation === undefined) {
          derivation = texts.read(path, FILE_MAX).then((text) => (text === undefined ? undefined : parsed(path, text)))
          known.set(path, derivation)
        }
        return derivation
      },
    }
    this.#loaders.set(folder, loader)
    return loader
  }
}

/**
 * Adds a derivation and all that it needs to `known`, by their paths. What that has already is not gone into again.
 *
 * @throws {CastoreError} `missing`
 */
export async function addClosure({ path, derivation, load }: Found, known: Map<string, Derivation>): Promise<void> {
  if (known.has(path)) return
  known.set(path, derivation)
  const unknown = (paths: Iterable<string>): string[] => [...paths].filter((input) => !known.has(input))
  for (let wanted = unknown(derivation.inputDerivations.keys()); wanted.length > 0;) {
    const more = new Set<string>()
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      const some = wanted.slice(at, at + AT_ONCE)
      for (const [i, found] of (await Promise.all(some.map(load))).entries()) {
        if (found === undefined) throw new CastoreError({ code: "missing", what: `'${textOf(some[i]!)}'` })
        known.set(some[i]!, found)
        for (const input of found.inputDerivations.keys()) more.add(input)
      }
    }
    wanted = unknown(more)
  }
}

/** What a word stands for that {@link DERIVATION_HELP} does not tell of: links that keep derivations, and `!OUTPUT` behind. */
function derivationWord(word: string): string {
  const bare = word.replace(/[!^][^/]*$/, "")
  const target = [word, bare].map(linkTarget).find((target) => target?.startsWith(`${STORE_DIR}/`))
  return target ?? (bare.endsWith(DERIVATION_SUFFIX) ? bare : word)
}

/** Undefined if it is no symbolic link. */
function linkTarget(word: string): string | undefined {
  try {
    return readlinkSync(wordPath(word))
  } catch {
    return undefined
  }
}

function parseWord(word: string): ReturnType<typeof parsePathWord> {
  try {
    return parsePathWord(word)
  } catch (error) {
    if (!(error instanceof UsageError) || word.startsWith(`${STORE_DIR}/`)) throw error
    throw new UsageError(`'${word}' is neither a file nor a store path`)
  }
}

function parsed(path: string, text: string): Derivation {
  return parse(textOf(path), parseStorePath(path).name, text)
}

/** @param called what it is to be called in messages: text */
function parse(called: string, name: string, text: string): Derivation {
  try {
    return parseAterm(text, name.slice(0, -DERIVATION_SUFFIX.length))
  } catch (error) {
    if (!(error instanceof DerivationError)) throw error
    throw new CastoreError({ code: "invalid", field: `derivation '${called}'`, reason: textOf(error.message) })
  }
}

function isStorePathBase(base: string): boolean {
  try {
    parseStorePathBase(base)
    return true
  } catch (error) {
    if (error instanceof StorePathError) return false
    throw error
  }
}

/** Undefined if there is no such file, or it is longer. */
function fileContents(path: string, bytesMax = FILE_MAX): string | undefined {
  try {
    const exact = wordPath(path)
    return statSync(exact).size > bytesMax ? undefined : byteStringFrom(readFileSync(exact))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined
    throw error
  }
}

/** Files by their store paths: beside one, in the store, and where C++ Nix keeps them. */
class Texts {
  readonly #open: () => Promise<Store>
  readonly #signal: AbortSignal
  readonly #folder: string | undefined

  constructor(open: () => Promise<Store>, signal: AbortSignal, folder?: string) {
    this.#open = open
    this.#signal = signal
    this.#folder = folder
  }

  async read(path: string, bytesMax: number): Promise<string | undefined> {
    this.#signal.throwIfAborted()
    const base = path.slice(STORE_DIR.length + 1)
    const beside = this.#folder === undefined ? undefined : fileContents(join(this.#folder, textOf(base)), bytesMax)
    return beside ?? (await this.#inStore(path, bytesMax)) ?? fileContents(textOf(path), bytesMax)
  }

  async #inStore(path: string, bytesMax: number): Promise<string | undefined> {
    return textInStore(path, bytesMax, await this.#open(), { signal: this.#signal })
  }
}

/** What the file at a store path contains; see {@link Found}. */
async function textInStore(
  path: string,
  bytesMax: number,
  store: Store,
  options: CallOptions,
): Promise<string | undefined> {
  const storePath = parseStorePath(path)
  const info: PathInfo | undefined = await store.pathInfos.get(storePath.digest, options)
  if (info === undefined || info.storePath.name !== storePath.name || info.node.type !== "file") return undefined
  const { digest, size } = info.node
  if (size > bytesMax) return undefined
  const pieces = await store.blobs.read(digest, options)
  if (pieces === undefined) throw new CastoreError({ code: "missing", what: `blob ${formatDigest(digest)}` })
  let text = ""
  for await (const piece of pieces) text += byteStringFrom(piece)
  return text
}

/** The derivation at a store path, a byte string, of which nothing is looked for elsewhere. Undefined if it is not there. */
export async function derivationInStore(
  path: string,
  store: Store,
  options: CallOptions,
): Promise<Derivation | undefined> {
  const text = await textInStore(path, FILE_MAX, store, options)
  return text === undefined ? undefined : parsed(path, text)
}
