import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { bytesOf, byteStringOf, encodeBase64 } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { netrcLogin } from "./netrc.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** Where a secret comes from; never from an address, which ends up in logs and process lists. */
export interface CredentialSources {
  /** A file with a token in it. */
  readonly tokenFile: string | undefined
  /** The name of a variable with a token in it. */
  readonly tokenVariable: string | undefined
  /** In place of `$NETRC` and `~/.netrc`. */
  readonly netrcFile: string | undefined
  readonly env: Environment
}

/** For those who push without more ado; no server is told it that we only read from. */
const PUSH_TOKEN_VARIABLE = "TVIX_CACHE_TOKEN"

/** What proves to one server who we are. Printing it shows nothing. */
export class Credentials {
  readonly #host: string
  readonly #sources: CredentialSources
  #reading: Promise<string | undefined> | undefined

  constructor(host: string, sources: CredentialSources) {
    this.#host = host
    this.#sources = sources
  }

  /**
   * The value of `Authorization`, if there is one.
   *
   * @throws {CastoreError} `invalid` if a source that was named has nothing
   */
  async header(method: string): Promise<string | undefined> {
    const header = await (this.#reading ??= this.#read())
    const pushToken = this.#sources.env[PUSH_TOKEN_VARIABLE]
    if (header !== undefined || method !== "PUT" || !pushToken) return header
    return bearer(pushToken, `$${PUSH_TOKEN_VARIABLE}`)
  }

  async #read(): Promise<string | undefined> {
    const { tokenFile, tokenVariable, netrcFile, env } = this.#sources
    if (tokenFile !== undefined) return bearer(await readText(tokenFile), `'${tokenFile}'`)
    if (tokenVariable !== undefined) return bearer(env[tokenVariable] ?? "", `$${tokenVariable}`)
    const file = netrcFile ?? (env["NETRC"] || join(env["HOME"] || homedir(), ".netrc"))
    const text = await readText(file).catch((error: unknown) => {
      // Most have none.
      if (netrcFile !== undefined) throw error
      return ""
    })
    const login = netrcLogin(byteStringOf(text), this.#host)
    return login && `Basic ${encodeBase64(bytesOf(`${login.name}:${login.password}`))}`
  }
}

function bearer(text: string, where: string): string {
  const token = text.trim()
  if (token === "") throw new CastoreError({ code: "invalid", field: where, reason: "there is no token in it" })
  // What is in a header may not begin another one.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new CastoreError({ code: "invalid", field: where, reason: "what is in it is no token, one word of ASCII" })
  }
  return `Bearer ${token}`
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8")
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CastoreError({ code: "invalid", field: `'${path}'`, reason }, { cause })
  }
}
