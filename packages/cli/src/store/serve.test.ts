/** `tvix-store serve` as a program: what its options do. What it serves is nar-bridge's. */
import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { request, type IncomingMessage } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { fileURLToPath } from "node:url"

const LAUNCHER = fileURLToPath(new URL("../../../../bin/tvix-store", import.meta.url))

let folder = ""
before(() => void (folder = mkdtempSync(join(tmpdir(), "tvix-serve-"))))
after(() => rmSync(folder, { recursive: true, force: true }))

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: folder,
  TVIX_STORE: `local://${folder}/store`,
})

/** A server with these options, for one test. */
async function serving(options: readonly string[], use: (url: string) => Promise<void>): Promise<void> {
  const server = spawn(LAUNCHER, ["serve", "-l", "127.0.0.1:0", ...options], { cwd: folder, env: environment() })
  try {
    const ended = once(server, "close")
    const [line] = (await Promise.race([once(server.stdout, "data"), ended])) as [unknown]
    await use(String(line).trim())
    server.kill("SIGINT")
    assert.deepEqual(await ended, [0, null])
  } finally {
    server.kill("SIGKILL")
  }
}

/** Status and text. @param socket of the system, rather than an address */
async function get(url: string, socket?: string): Promise<[number | undefined, string]> {
  const asked = request(url, { agent: false, ...(socket !== undefined && { socketPath: socket }) }).end()
  const [response] = (await once(asked, "response")) as [IncomingMessage]
  let text = ""
  for await (const piece of response.setEncoding("utf8")) text += piece as string
  return [response.statusCode, text]
}

describe("what happens", () => {
  test("is told to whoever may read", () =>
    serving([], async (url) => {
      const [status, text] = await get(`${url}/metrics`)
      assert.equal(status, 200)
      assert.match(text, /^tvix_store_bytes\{of="files"\} \d+$/m)
    }))

  test("is told at another address alone, where there is one", () =>
    serving(["--metrics", "unix:metrics.sock"], async (url) => {
      assert.equal((await get(`${url}/metrics`))[0], 404)
      const [status, text] = await get("http://localhost/metrics", join(folder, "metrics.sock"))
      assert.equal(status, 200)
      assert.match(text, /^tvix_cache_requests_total\{route="metrics",status="404"\} 1$/m)
    }))
})

for (const [options, message] of [
  [["--metrics", "9090"], /'9090' is no address/],
  [["--max-downloads", "0"], /--max-downloads takes a number from 1 on/],
  [["--max-downloads-per-client", "many"], /--max-downloads-per-client takes a number from 1 on/],
] as const) {
  test(`refuses ${options.join(" ")}`, () => {
    const words = ["serve", "-l", "127.0.0.1:0", ...options]
    const { status, stderr } = spawnSync(LAUNCHER, words, { cwd: folder, env: environment(), encoding: "utf8" })
    assert.equal(status, 2)
    assert.match(stderr, message)
  })
}
