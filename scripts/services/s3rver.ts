import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import type { Service } from "./main.ts"

const BUCKET = "tests"
/** The credentials that every s3rver knows. */
const KEY = "S3RVER"

/** s3rver: somebody else's idea of S3. It believes every signature of the fourth version. */
export async function startS3rver(): Promise<Service> {
  const folder = mkdtempSync(join(tmpdir(), "tvix-s3rver-"))
  const program = createRequire(import.meta.url).resolve("s3rver/bin/s3rver.js")
  // It makes the tokens that lists are continued with by a cipher that OpenSSL keeps for the past.
  const node = ["--openssl-legacy-provider", "--no-deprecation", program]
  const words = ["-s", "-d", folder, "-a", "127.0.0.1", "-p", "0", "--configure-bucket", BUCKET]
  const child = spawn(process.execPath, [...node, ...words], { stdio: ["ignore", "pipe", "inherit"] })
  const exit = once(child, "exit")
  const stop = async (): Promise<void> => {
    child.kill()
    await exit
    rmSync(folder, { recursive: true, force: true })
  }
  for await (const line of createInterface(child.stdout)) {
    const port = /listening on 127\.0\.0\.1:([0-9]+)/.exec(line)?.[1]
    if (port === undefined) continue
    child.stdout.resume()
    const told = { endpoint: `http://127.0.0.1:${port}`, bucket: BUCKET, accessKeyId: KEY, secretAccessKey: KEY }
    return { told, stop }
  }
  await stop()
  throw new Error("s3rver did not start")
}
