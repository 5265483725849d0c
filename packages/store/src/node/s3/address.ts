import process from "node:process"
import { zstd } from "@tvix-ts/castore/node"
import type { S3Options } from "@tvix-ts/castore/s3"
import { findCredentials } from "./credentials.ts"

const REGION = "us-east-1"

/** As most services want them; also what TLS and virtual hosts can do with. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
/** What needs no escaping in URLs, nor in signatures of them. */
const PREFIX = /^[A-Za-z0-9_.~-]+(\/[A-Za-z0-9_.~-]+)*$/
const PARAMETERS = ["endpoint", "region", "profile", "style", "anonymous"]

/**
 * Reads `s3://BUCKET[/PREFIX][?endpoint=URL][&region=NAME][&profile=NAME][&style=path|host][&anonymous=true]`.
 *
 * @param wrong throws, with what is wrong
 */
export function s3Options(url: URL, wrong: (reason: string) => never): S3Options {
  const bucket = url.hostname
  if (bucket === "") wrong("it names no bucket")
  if (!BUCKET.test(bucket)) wrong(`'${bucket}' is no name of a bucket`)
  const prefix = url.pathname.replace(/^\/|\/$/g, "")
  if (prefix !== "" && (!PREFIX.test(prefix) || /(^|\/)\.\.?(\/|$)/.test(prefix))) {
    wrong(`'${prefix}' is no prefix; it may have letters, digits, '_', '.', '~', '-', and slashes between them`)
  }
  for (const name of url.searchParams.keys()) {
    if (!PARAMETERS.includes(name)) wrong(`'${name}' has no meaning in it; what has is ${PARAMETERS.join(", ")}`)
    if (url.searchParams.getAll(name).length > 1) wrong(`'${name}' is there twice`)
  }
  const parameter = (name: string): string => url.searchParams.get(name) ?? ""
  const region = parameter("region") || process.env["AWS_REGION"] || process.env["AWS_DEFAULT_REGION"] || REGION
  if (!/^[a-z0-9-]{1,40}$/.test(region)) wrong(`'${region}' is no region`)
  const anonymous = parameter("anonymous")
  if (!["", "true", "false"].includes(anonymous)) wrong("'anonymous' is true or false")
  const profile = parameter("profile")
  return {
    bucket,
    ...(prefix === "" ? {} : { prefix }),
    endpoint: endpointOf(parameter("endpoint"), region, wrong),
    region,
    bucketIn: styleOf(parameter("style"), bucket, parameter("endpoint") !== "", wrong),
    credentials: anonymous === "true" ? undefined : () => findCredentials(profile, process.env),
    zstd,
  }
}

function endpointOf(given: string, region: string, wrong: (reason: string) => never): string {
  if (given === "") return `https://s3.${region}.amazonaws.com`
  const text = given.includes("://") ? given : `https://${given}`
  if (!URL.canParse(text)) return wrong(`the endpoint '${given}' is not well-formed`)
  const { protocol, host, username, password, pathname, search, hash } = new URL(text)
  if (protocol !== "http:" && protocol !== "https:") wrong(`an endpoint begins with 'http://' or 'https://'`)
  if (username !== "" || password !== "") wrong("an endpoint has no credentials in it")
  if (pathname !== "/" || search !== "" || hash !== "") wrong("an endpoint ends with its host, or its port")
  return `${protocol}//${host}`
}

function styleOf(
  given: string,
  bucket: string,
  elsewhere: boolean,
  wrong: (reason: string) => never,
): S3Options["bucketIn"] {
  switch (given) {
    case "path":
    case "host":
      return given
    case "":
      // Services of one's own have no certificate, and no name, for each bucket; Amazon's is for names without dots.
      return elsewhere || bucket.includes(".") ? "path" : "host"
    default:
      return wrong("'style' is path or host")
  }
}
