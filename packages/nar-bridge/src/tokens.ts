/**
 * Tokens: secrets that say what their holder may do with a cache.
 *
 *     tvix_k3v9x0a1_1b0q…      "tvix_", 8 characters of id, "_", 52 of secret: 256 random bits; both in Nix's base 32
 *
 * The prefix lets scanners of repositories recognise one that leaked; the id, which is no secret, leads to the record, so
 * that a look-up depends on nothing secret.
 *
 * What is kept is the SHA-256 of the secret and no slow hash: 256 random bits are not guessed from their hash, however fast
 * it is, and a slow one would let strangers keep the server busy.
 */
import { byteStringFrom, decodeBase64 } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { encodeNix32, hashByteString } from "@tvix-ts/hash"

/** `write` includes `read`: whoever uploads asks first what is there. */
export type Right = "read" | "write"

/** What is known of a token but its secret. */
export interface Token {
  /** 8 characters. */
  readonly id: string
  /** For people: whose it is, or what for. */
  readonly name: string
  readonly right: Right
  /** Unix time in milliseconds, as is `expires`. */
  readonly created: number
  /** From when on it is worth nothing; `undefined` for never. */
  readonly expires: number | undefined
}

/** What a server asks. */
export interface Tokens {
  /**
   * The token that `secret`, a byte string from a stranger, is. `undefined` if it is none, or no more: revoked, expired.
   *
   * @throws {CastoreError} where they are kept cannot be read: whoever asks lets nobody in
   */
  find(secret: string): Token | undefined
}

export interface NewToken {
  readonly name: string
  readonly right: Right
  /** Unix time in milliseconds. Without, it is good until it is revoked. */
  readonly expires?: number | undefined
}

export interface CreatedToken {
  readonly token: Token
  /** Kept nowhere: this is the only time that it is to be had. */
  readonly secret: string
}

/** Tokens that come and go. All of it throws {@link CastoreError} where they are kept cannot be read or written. */
export interface TokenRegistry extends Tokens {
  /** Durable when it returns. @throws {CastoreError} `invalid`, of the name or the time */
  create(token: NewToken): CreatedToken
  /** The oldest first; with those that have expired. */
  list(): readonly Token[]
  /** Whether there was one with this id. Whoever asks {@link Tokens.find} afterwards, in whatever process, gets none. */
  revoke(id: string): boolean
  close(): void
}

/** A token as it is kept. */
export interface KeptToken {
  readonly token: Token
  /** SHA-256 of the secret, all of it; 32 bytes. */
  readonly hash: Uint8Array
}

const PREFIX = "tvix_"
const FORM = /^tvix_([0-9a-z]{8})_[0-9a-z]{52}$/

/** A token from now on, as who made it gets it and as it is kept. @throws {CastoreError} `invalid` */
export function makeToken(
  { name, right, expires }: NewToken,
  now: number,
): { readonly kept: KeptToken; readonly secret: string } {
  const refuse = (reason: string): never => {
    throw new CastoreError({ code: "invalid", field: "token", reason })
  }
  if (name === "") refuse("its name is empty")
  if (name.length > NAME_LENGTH_MAX) refuse(`its name is longer than ${NAME_LENGTH_MAX} characters`)
  if (/[\x00-\x1f\x7f]/.test(name)) refuse("its name has a line break or control character")
  if (expires !== undefined && !(expires > now)) refuse("it would have expired already")
  const id = random(ID_BYTES)
  const secret = `${PREFIX}${id}_${random(SECRET_BYTES)}`
  const token = { id, name, right, created: now, expires }
  return { kept: { token, hash: hashByteString("sha256", secret) }, secret }
}
const ID_BYTES = 5
const SECRET_BYTES = 32
const NAME_LENGTH_MAX = 200

function random(byteCount: number): string {
  return encodeNix32(crypto.getRandomValues(new Uint8Array(byteCount)))
}

/** The id in what may be a secret. */
export function tokenId(secret: string): string | undefined {
  return FORM.exec(secret)?.[1]
}

/** The token if `secret` is its secret, and it has not expired. Takes the same time whatever is wrong. */
export function admit({ token, hash }: KeptToken, secret: string, now: number): Token | undefined {
  const fits = equalInConstantTime(hash, hashByteString("sha256", secret))
  return fits && (token.expires === undefined || now < token.expires) ? token : undefined
}

function equalInConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length
  for (let i = 0; i < right.length; i++) difference |= (left[i] ?? 0) ^ right[i]!
  return difference === 0
}

/** Tokens that are gone with the process. */
export function memoryTokens(clock: () => number = Date.now): TokenRegistry {
  const all = new Map<string, KeptToken>()
  return {
    find(secret) {
      const kept = all.get(tokenId(secret) ?? "")
      return kept === undefined ? undefined : admit(kept, secret, clock())
    },
    create(wanted) {
      const { kept, secret } = makeToken(wanted, clock())
      all.set(kept.token.id, kept)
      return { token: kept.token, secret }
    },
    list: () => [...all.values()].map(({ token }) => token),
    revoke: (id) => all.delete(id),
    close() {},
  }
}

/**
 * The secret in an `Authorization` header: of `Bearer`, or the password of `Basic`, which is what programs send that read
 * `netrc`, whatever login it has. `undefined` if there is none. Both are byte strings.
 */
export function presentedSecret(authorization: string): string | undefined {
  const [, scheme = "", credentials = ""] = /^([A-Za-z]+) +([^ ]+) *$/.exec(authorization) ?? []
  switch (scheme.toLowerCase()) {
    case "bearer":
      return credentials
    case "basic": {
      const bytes = decodeBase64(credentials)
      if (bytes === undefined) return undefined
      const pair = byteStringFrom(bytes)
      const colon = pair.indexOf(":")
      return colon < 0 ? undefined : pair.slice(colon + 1)
    }
    default:
      return undefined
  }
}
