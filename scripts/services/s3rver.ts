import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
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
  const words = (port: string): string[] => [
    // It makes the tokens that lists are continued with by a cipher that OpenSSL keeps for the past.
    "--openssl-legacy-provider",
    "--no-deprecation",
    join(import.meta.dirname, "s3rver-process.ts"),
    folder,
    BUCKET,
    port,
  ]
  let running = await start(words("0"))
  return {
    told: {
      endpoint: `http://127.0.0.1:${running.port}`,
      bucket: BUCKET,
      accessKeyId: KEY,
      secretAccessKey: KEY,
    },
    async restart() {
      await running.kill()
      running = await start(words(running.port))
    },
    async stop() {
      await running.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function start(words: readonly string[]): Promise<{ readonly port: string; kill(): Promise<void> }> {
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] })
  const exit = once(child, "exit")
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL")
    await exit
  }
  for await (const port of createInterface(child.stdout)) return { port, kill }
  await kill()
  throw new Error("s3rver did not start")
}
