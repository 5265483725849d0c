/** s3rver, somebody else's idea of S3, in a process of its own and a folder that is gone afterwards. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import { zstd } from "../../node/zstd.ts"
import type { S3Options } from "../options.ts"

/** Credentials that every s3rver knows. */
const CREDENTIALS = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" }
const BUCKET = "tests"

export interface S3rver {
  readonly endpoint: string
  readonly bucket: string
  /** The folder with all objects. */
  readonly folder: string
  /** For a store of its own. */
  options(prefix: string): S3Options
  stop(): Promise<void>
}

export async function startS3rver(): Promise<S3rver> {
  const folder = mkdtempSync(join(tmpdir(), "tvix-s3rver-"))
  const program = createRequire(import.meta.url).resolve("s3rver/bin/s3rver.js")
  // It makes the tokens that lists are continued with by a cipher that OpenSSL keeps for the past.
  const words = [
    "--openssl-legacy-provider",
    "--no-deprecation",
    program,
    "-s",
    "-d",
    folder,
    "-a",
    "127.0.0.1",
    "-p",
    "0",
  ]
  const child = spawn(process.execPath, [...words, "--configure-bucket", BUCKET], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const exit = once(child, "exit")
  let endpoint: string | undefined
  for await (const line of createInterface(child.stdout)) {
    const port = /listening on 127\.0\.0\.1:([0-9]+)/.exec(line)?.[1]
    if (port === undefined) continue
    endpoint = `http://127.0.0.1:${port}`
    break
  }
  if (endpoint === undefined) throw new Error("s3rver did not start")
  child.stdout.resume()
  const service = endpoint
  return {
    endpoint: service,
    bucket: BUCKET,
    folder,
    options: (prefix) => ({
      bucket: BUCKET,
      prefix,
      endpoint: service,
      region: "us-east-1",
      bucketIn: "path",
      credentials: async () => CREDENTIALS,
      zstd,
    }),
    async stop() {
      child.kill()
      await exit
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
