import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import { CastoreError } from "@tvix-ts/castore"
import type { S3Credentials } from "@tvix-ts/castore/s3"

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Credentials as the tools of Amazon find them: in the environment, unless a profile is named; else in the file of profiles,
 * `~/.aws/credentials`. Neither the roles of machines are asked for, nor anybody over the network.
 *
 * @param profile "" where none is named
 * @throws {CastoreError} `unavailable`, which never tells a secret
 */
export async function findCredentials(profile: string, environment: Environment): Promise<S3Credentials> {
  const accessKeyId = environment["AWS_ACCESS_KEY_ID"] ?? ""
  const secretAccessKey = environment["AWS_SECRET_ACCESS_KEY"] ?? ""
  if (profile === "" && accessKeyId !== "" && secretAccessKey !== "") {
    return { accessKeyId, secretAccessKey, ...tokenOf(environment["AWS_SESSION_TOKEN"]) }
  }
  const file = environment["AWS_SHARED_CREDENTIALS_FILE"] || join(homedir(), ".aws", "credentials")
  const name = profile || environment["AWS_PROFILE"] || "default"
  let text: string
  try {
    text = await readFile(file, "utf8")
  } catch (cause) {
    const reason =
      profile === ""
        ? `there are no credentials for S3: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor '${file}'`
        : `there is no profile '${profile}' for S3: '${file}' cannot be read`
    throw new CastoreError({ code: "unavailable", reason }, { cause })
  }
  const entries = profileOf(text, name)
  const id = entries?.get("aws_access_key_id")
  const secret = entries?.get("aws_secret_access_key")
  if (id === undefined || secret === undefined) {
    const reason = `'${file}' has no profile '${name}' with aws_access_key_id and aws_secret_access_key`
    throw new CastoreError({ code: "unavailable", reason })
  }
  return { accessKeyId: id, secretAccessKey: secret, ...tokenOf(entries?.get("aws_session_token")) }
}

function tokenOf(token: string | undefined): { readonly sessionToken?: string } {
  return token === undefined || token === "" ? {} : { sessionToken: token }
}

/** The entries of a section of an INI file: `[name]`, then `key = value` lines. */
function profileOf(text: string, name: string): ReadonlyMap<string, string> | undefined {
  let found: Map<string, string> | undefined
  let inside = false
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[([^\]]*)\]/.exec(line)?.[1]?.trim()
    if (section !== undefined) {
      inside = section === name
      if (inside) found ??= new Map()
      continue
    }
    const entry = /^\s*([A-Za-z0-9_]+)\s*=\s*(.*?)\s*$/.exec(line)
    if (inside && entry !== null) found?.set(entry[1]!.toLowerCase(), entry[2]!)
  }
  return found
}
