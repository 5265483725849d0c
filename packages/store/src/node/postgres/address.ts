import { userInfo } from "node:os"
import process from "node:process"
import type { PostgresOptions } from "@tvix-ts/castore/node"
import { findPassword } from "./password-file.ts"

const SCHEMA = "tvix"
const PORT = 5432
const PARAMETERS = ["host", "port", "user", "schema", "sslmode"]

/** `sslmode`, as PostgreSQL's own programs have it; modes that fall back to less than they say are none here. */
const TLS: Readonly<Record<string, PostgresOptions["tls"]>> = {
  disable: "none",
  require: "unverified",
  "verify-full": "verified",
}

/**
 * Reads `postgres://[USER@]HOST[:PORT]/DATABASE[?schema=NAME][&sslmode=disable|require|verify-full]`, or, for a socket,
 * `postgres:///DATABASE?host=/FOLDER[&port=N][&user=NAME]`.
 *
 * @param wrong throws, with what is wrong
 */
export function postgresOptions(url: URL, wrong: (reason: string) => never): PostgresOptions {
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.includes(name)) wrong(`'${name}' has no meaning in it; what has is ${PARAMETERS.join(", ")}`)
    if (url.searchParams.getAll(name).length > 1) wrong(`'${name}' is there twice`)
  }
  const parameter = (name: string): string => url.searchParams.get(name) ?? ""
  const decoded = (text: string): string => {
    try {
      return decodeURIComponent(text)
    } catch {
      return wrong(`'${text}' is not well-formed`)
    }
  }
  const either = (one: string, other: string, what: string): string =>
    one !== "" && other !== "" ? wrong(`it names two ${what}s`) : one || other
  const host = either(url.hostname, parameter("host"), "host")
  if (host === "") wrong("it names no host, and no folder of a socket")
  const portText = either(url.port, parameter("port"), "port")
  if (!/^[0-9]{0,5}$/.test(portText) || Number(portText) > 65_535) wrong(`'${portText}' is no port`)
  const port = portText === "" ? PORT : Number(portText)
  const user = either(decoded(url.username), parameter("user"), "user") || process.env["PGUSER"] || userInfo().username
  const database = decoded(url.pathname.slice(1)) || user
  const schema = parameter("schema") || SCHEMA
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    wrong(`'${schema}' is no schema; it may have small letters, digits and '_', and begins with no digit`)
  }
  const own = host.startsWith("/") || /^(localhost|127(\.[0-9]+){3}|\[::1\])$/.test(host)
  const sslmode = parameter("sslmode") || (own ? "disable" : "verify-full")
  const tls = Object.hasOwn(TLS, sslmode) ? TLS[sslmode] : undefined
  const connection = { host, port, database, user }
  return {
    ...connection,
    schema,
    tls: tls ?? wrong(`'sslmode' is one of ${Object.keys(TLS).join(", ")}`),
    password: () => findPassword(connection, process.env),
  }
}
