/**
 * Keys and signatures with ed25519, as C++ Nix writes them (libutil/signature/local-keys.cc): a name, a colon, and in
 * Base64
 *
 *     public key    32 bytes
 *     secret key    64 bytes: 32 of the seed, then the public key
 *     signature     64 bytes
 *
 * The arithmetic is Web Crypto's, which Node and browsers have, and which makes everything that needs it asynchronous.
 */
import { bytesOf, concat, decodeBase64, encodeBase64 } from "@tvix-ts/bytes"

/** A signature with ed25519, as Nix writes it: `NAME:BASE64`. */
export interface Signature {
  /** Of the key. */
  readonly name: string
  /** 64 bytes. */
  readonly bytes: Uint8Array
}

/** What verifies signatures. */
export interface PublicKey {
  readonly name: string
  /** 32 bytes. */
  readonly bytes: Uint8Array
}

export type KeyKind = "public key" | "secret key" | "signature"

/** What can be wrong with a key or signature. What was written is no part of it: it might be secret. */
export type KeyProblem =
  /** No colon, no name, or no Base64. */
  | { readonly code: "form"; readonly kind: KeyKind }
  /** Bytes. */
  | { readonly code: "length"; readonly kind: KeyKind; readonly name: string; readonly length: number }
  /** The two halves of a secret key do not belong together. */
  | { readonly code: "halves"; readonly name: string }
  /** No name of a key: it is empty, or has a colon, a blank or a line feed in it. */
  | { readonly code: "name"; readonly name: string }

export class KeyError extends Error {
  override readonly name = "KeyError"
  readonly problem: KeyProblem
  constructor(problem: KeyProblem) {
    super(describe(problem))
    this.problem = problem
  }
}

function describe(problem: KeyProblem): string {
  switch (problem.code) {
    case "form":
      return `${problem.kind} is corrupt: it is not a name, a colon, and Base64`
    case "length":
      return `${problem.kind} '${problem.name}' has ${problem.length} bytes, not ${LENGTHS[problem.kind]}`
    case "halves":
      return `secret key '${problem.name}' is corrupt: its two halves do not belong together`
    case "name":
      return `'${problem.name}' cannot be the name of a key`
  }
}
const LENGTHS: Readonly<Record<KeyKind, number>> = { "public key": 32, "secret key": 64, signature: 64 }
const SEED_LENGTH = 32

/** @throws {KeyError} */
export function parseSignature(text: string): Signature {
  return parseNamed(text, "signature")
}
export function formatSignature({ name, bytes }: Signature): string {
  return `${name}:${encodeBase64(bytes)}`
}

/** @throws {KeyError} */
export function parsePublicKey(text: string): PublicKey {
  return parseNamed(text, "public key")
}
export function formatPublicKey({ name, bytes }: PublicKey): string {
  return `${name}:${encodeBase64(bytes)}`
}

/** A key as Web Crypto holds it. */
type Imported = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** What signs. Printing it, or making JSON of it, shows the name alone. */
export class SecretKey {
  readonly name: string
  readonly #bytes: Uint8Array
  #key: Promise<Imported> | undefined

  private constructor(name: string, bytes: Uint8Array) {
    this.name = name
    this.#bytes = bytes
  }

  /** @throws {KeyError} which says nothing of the secret */
  static parse(text: string): SecretKey {
    const { name, bytes } = parseNamed(text, "secret key")
    return new SecretKey(name, bytes)
  }

  /** A new one. */
  static async generate(name: string): Promise<SecretKey> {
    if (!isKeyName(name)) throw new KeyError({ code: "name", name })
    const { privateKey, publicKey } = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])
    const [pkcs8, raw] = await Promise.all([
      crypto.subtle.exportKey("pkcs8", privateKey),
      crypto.subtle.exportKey("raw", publicKey),
    ])
    return new SecretKey(name, concat([new Uint8Array(pkcs8).subarray(-SEED_LENGTH), new Uint8Array(raw)]))
  }

  get publicKey(): PublicKey {
    return { name: this.name, bytes: this.#bytes.slice(SEED_LENGTH) }
  }

  /** The secret itself, to be kept in a file: `NAME:BASE64`. */
  reveal(): string {
    return `${this.name}:${encodeBase64(this.#bytes)}`
  }

  /**
   * @param text a byte string
   * @throws {KeyError} if the key is not sound
   */
  async sign(text: string): Promise<Signature> {
    const key = await (this.#key ??= this.#import())
    return { name: this.name, bytes: await signBytes(key, bytesOf(text)) }
  }

  async #import(): Promise<Imported> {
    const pkcs8 = new Uint8Array([...PKCS8_PREFIX, ...this.#bytes.subarray(0, SEED_LENGTH)])
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"])
    // Web Crypto takes the seed alone, so that a wrong second half would only be found by whoever verifies.
    const probe = { name: this.name, bytes: await signBytes(key, new Uint8Array()) }
    if (!(await verifySignature("", probe, [this.publicKey]))) throw new KeyError({ code: "halves", name: this.name })
    return key
  }
}

/** What comes before a seed in PKCS #8 (RFC 8410 section 7). */
const PKCS8_PREFIX = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20] as const

async function signBytes(key: Imported, bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign("Ed25519", key, unshared(bytes)))
}

/**
 * Whether `signature` is of `text`, a byte string, by one of `keys`. Keys of other names are not tried, as in C++ Nix; of
 * several with the same name, any will do.
 */
export async function verifySignature(
  text: string,
  { name, bytes }: Signature,
  keys: Iterable<PublicKey>,
): Promise<boolean> {
  const message = bytesOf(text)
  for (const key of keys) {
    if (key.name !== name) continue
    // oxlint-disable-next-line no-await-in-loop -- there is hardly ever more than one
    if (await isSigned(message, bytes, key)) return true
  }
  return false
}
async function isSigned(message: Uint8Array, signature: Uint8Array, { bytes }: PublicKey): Promise<boolean> {
  const key = await crypto.subtle.importKey("raw", unshared(bytes), "Ed25519", false, ["verify"])
  return crypto.subtle.verify("Ed25519", key, unshared(signature), unshared(message))
}

/** Web Crypto takes no view of memory that another thread might write. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}

function parseNamed(text: string, kind: KeyKind): { name: string; bytes: Uint8Array } {
  const colon = text.indexOf(":")
  const name = text.slice(0, Math.max(0, colon))
  const bytes = decodeBase64(text.slice(colon + 1))
  if (bytes === undefined || bytes.length === 0 || !isKeyName(name)) throw new KeyError({ code: "form", kind })
  const { length } = bytes
  if (length !== LENGTHS[kind]) throw new KeyError({ code: "length", kind, name, length })
  return { name, bytes }
}

function isKeyName(name: string): boolean {
  return /^[^:\s]+$/.test(name)
}
