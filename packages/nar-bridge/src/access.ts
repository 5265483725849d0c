import { refuse } from "./problem.ts"
import { presentedSecret, type Right, type Token, type Tokens } from "./tokens.ts"

export interface AccessOptions {
  /** Without, there are none: nobody may do what needs one. */
  readonly tokens?: Tokens | undefined
  /** Whether reading needs a token. */
  readonly private?: boolean | undefined
  /** Whether writing needs none. */
  readonly anonymousWrites?: boolean | undefined
}

/**
 * Says who may do what. Where no token is needed, the one that came is not looked at.
 *
 * @returns the token, where one was needed
 * @throws {CacheError} `unauthorized`, `forbidden`
 */
export function authorize(right: Right, authorization: string | undefined, options: AccessOptions): Token | undefined {
  const needed = right === "write" ? options.anonymousWrites !== true : options.private === true
  if (!needed) return undefined
  const secret = authorization === undefined ? undefined : presentedSecret(authorization)
  if (secret === undefined) refuse({ code: "unauthorized", reason: "none" })
  const token = options.tokens?.find(secret)
  if (token === undefined) refuse({ code: "unauthorized", reason: "unknown" })
  if (right === "write" && token.right !== "write") {
    refuse({ code: "forbidden", reason: "the token is good for reading only" })
  }
  return token
}
