import { byteStringFrom, textOf } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import { formatStorePath, NarInfoError, parseNarInfo, type NarInfo, type PublicKey } from "@tvix-ts/nix-compat"
import { checkDescription, checkStoreDigest } from "../path-info/check.ts"
import type { PathDescription } from "../path-info/path-info.ts"
import { checkTrust, SIGNATURES_MAX } from "../path-info/trust.ts"
import { SharedCalls } from "../shared-calls.ts"
import type { CacheFiles } from "./cache-files.ts"
import { Remembered } from "./remembered.ts"

/** Bytes: room for 10,000 references. */
const SIZE_MAX = 2 ** 20
/** Narinfos that are remembered, some 1 KB each, the bytes of all of them, and digests of which there is none. */
const KNOWN_MAX = 20_000
const KNOWN_BYTES_MAX = 32 * 2 ** 20
const ABSENT_MAX = 200_000
/** Signatures may be added to a narinfo, and a cache may be tidied up. */
const KNOWN_MS = 3_600_000

export interface NarInfosOptions {
  /** Whoever is trusted to say what store paths are; `undefined` if everybody is. */
  readonly trusted: readonly PublicKey[] | undefined
  /** For how long it is remembered that there is none, in ms. */
  readonly absentMs: number
  /** ms since whenever. */
  readonly now: () => number
}

/** The narinfos of a binary cache: fetched once, checked, and remembered for a while. */
export class NarInfos {
  readonly #files: CacheFiles
  readonly #options: NarInfosOptions
  readonly #known: Remembered<NarInfo>
  readonly #absent: Remembered<true>
  readonly #calls = new SharedCalls<NarInfo | undefined>()

  constructor(files: CacheFiles, options: NarInfosOptions) {
    this.#files = files
    this.#options = options
    const { now, absentMs } = options
    this.#known = new Remembered({ countMax: KNOWN_MAX, weightMax: KNOWN_BYTES_MAX, ms: KNOWN_MS, now })
    this.#absent = new Remembered({ countMax: ABSENT_MAX, ms: absentMs, now })
  }

  /**
   * What the cache says of a path, if it may be believed.
   *
   * @throws {CastoreError} `corrupt` if it is not well-formed, of another path, or not signed as it has to be
   */
  async get(digest: string, options: CallOptions = {}): Promise<NarInfo | undefined> {
    checkStoreDigest(digest, "digest")
    const known = this.#known.get(digest)
    if (known !== undefined) return known
    if (this.#absent.get(digest) === true) return undefined
    return this.#calls.run(digest, options.signal, async (signal) => {
      const { narInfo, size } = (await this.#read(digest, { signal })) ?? {}
      if (narInfo === undefined) {
        this.#absent.set(digest, true)
        return undefined
      }
      const { trusted } = this.#options
      if (trusted !== undefined) await checkTrust(narInfo, trusted, this.#files.shown(nameOf(digest)))
      this.#known.set(digest, narInfo, size)
      return narInfo
    })
  }

  /** The narinfo as it is now, whoever has signed it. @throws {CastoreError} `corrupt` if it is not well-formed */
  async read(digest: string, options: CallOptions = {}): Promise<NarInfo | undefined> {
    return (await this.#read(digest, options))?.narInfo
  }

  async #read(digest: string, options: CallOptions): Promise<{ narInfo: NarInfo; size: number } | undefined> {
    const name = nameOf(digest)
    const bytes = await this.#files.read(name, SIZE_MAX, options)
    if (bytes === undefined) return undefined
    return { narInfo: parse(byteStringFrom(bytes), digest, this.#files.shown(name)), size: bytes.length }
  }

  async has(digest: string, options: CallOptions = {}): Promise<boolean> {
    checkStoreDigest(digest, "digest")
    if (this.#known.get(digest) !== undefined) return true
    if (this.#absent.get(digest) === true) return false
    const there = await this.#files.has(nameOf(digest), options)
    if (!there) this.#absent.set(digest, true)
    return there
  }

  /** Whether it was not there a short time ago. */
  isAbsent(digest: string): boolean {
    return this.#absent.get(digest) === true
  }

  /** It has changed, or its archive is gone. */
  forget(digest: string): void {
    this.#known.delete(digest)
    this.#absent.delete(digest)
  }
}

export function nameOf(digest: string): string {
  return `${digest}.narinfo`
}

/** All of a narinfo but where the archive is. */
export function descriptionOf(narInfo: NarInfo): PathDescription {
  const { storePath, references, narSize, narHash, signatures, deriver, contentAddress } = narInfo
  return {
    storePath,
    references,
    narSize,
    narHash,
    signatures,
    // Nobody signs it, and some caches have other things there.
    ...(deriver?.name.endsWith(".drv") === true && { deriver }),
    ...(contentAddress !== undefined && { contentAddress }),
  }
}

function parse(text: string, digest: string, what: string): NarInfo {
  const wrong = (reason: string, cause?: unknown): never => {
    throw new CastoreError({ code: "corrupt", what, reason }, { cause })
  }
  try {
    const narInfo = parseNarInfo(text)
    if (narInfo.storePath.digest !== digest) wrong(`it is of '${textOf(formatStorePath(narInfo.storePath))}'`)
    checkDescription(descriptionOf(narInfo))
    // Nobody looks at more, and whoever is in between can add any number.
    return { ...narInfo, signatures: narInfo.signatures.slice(0, SIGNATURES_MAX) }
  } catch (error) {
    if (error instanceof NarInfoError) return wrong(textOf(error.message), error)
    if (error instanceof CastoreError && error.problem.code === "invalid") return wrong(error.message, error)
    throw error
  }
}
