/** Processes that are killed while they write to services leave all that they had promised, and nothing half. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import { after, test } from "node:test"
import { checkArchive } from "../copy/copy.ts"
import { startServices } from "../testing/services.ts"
import { openStore } from "./open.ts"

const PROGRAM = join(import.meta.dirname, "..", "testing", "writing-process.ts")

const services = await startServices("s3", "postgres")
after(() => services.stop())
const { endpoint, bucket, accessKeyId, secretAccessKey } = services.s3!
const credentials = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
Object.assign(process.env, credentials)
const { postgres } = services

/** Starts a process that writes, kills it after so many promises, and gives those that it made. */
async function killedAfter(promises: number, address: string, seed: number): Promise<readonly string[]> {
  const words = ["--conditions=source", "--disable-warning=ExperimentalWarning", PROGRAM, address, String(seed)]
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] })
  const exit = once(child, "exit")
  const promised: string[] = []
  createInterface(child.stdout).on("line", (line) => {
    promised.push(line)
    if (promised.length === promises) child.kill("SIGKILL")
  })
  assert.deepEqual(await exit, [null, "SIGKILL"])
  return promised
}

const inBucket = (prefix: string): string => `s3://${bucket}/${prefix}?endpoint=${endpoint}`
const inDatabase = postgres?.missing === undefined ? `${postgres!.address}&schema=crash` : "memory:"
const PLACES = [
  ["S3", inBucket("crash"), false],
  [
    "S3 and PostgreSQL",
    `parts(blobs=${inBucket("crash-parts")},directories=${inDatabase},pathinfos=${inDatabase})`,
    postgres?.missing ?? false,
  ],
] as const

for (const [name, address, skip] of PLACES) {
  test(`kill -9 of those who write: ${name}`, { skip }, async () => {
    // Two at a time, so that what they have in common is begun by one and needed by the other.
    for (const [round, promises] of [1, 3].entries()) {
      const killed = await Promise.all([0, 1].map((n) => killedAfter(promises, address, 2 * round + n)))
      const store = await openStore(address)
      for (const digest of killed.flat()) assert.ok(await store.pathInfos.get(digest), digest)
      let count = 0
      for await (const pathInfo of store.pathInfos.list()) {
        await checkArchive(pathInfo, store)
        count++
      }
      assert.ok(count >= killed.flat().length)
      await store.close()
    }
  })
}
