/** C++ Nix as the client, where it is installed: `scripts/cache-acceptance` asks for much more. */
import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { formatPublicKey, SecretKey } from "@tvix-ts/nix-compat"
import { openLocalStore, decompress } from "@tvix-ts/store/node"
import { binaryCache, memoryTokens } from "../index.ts"
import { nodeCompressors, openUploadFile, serveCache } from "./index.ts"

const haveNix = spawnSync("nix", ["--version"]).status === 0

test("C++ Nix pushes and pulls", { skip: haveNix ? false : "there is no nix (apt-get install nix-bin)" }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "nar-bridge-nix-"))
  // Files of stores may not be written to, nor their folders.
  t.after(() => spawnSync("chmod", ["-R", "u+w", dir]) && rmSync(dir, { recursive: true }))
  const key = await SecretKey.generate("cache-1")
  const tokens = memoryTokens()
  const store = openLocalStore(join(dir, "store"))
  t.after(() => store.close())
  const uploads = openUploadFile(join(dir, "uploads.sqlite"))
  t.after(() => uploads.close())
  const compressors = nodeCompressors()
  const app = binaryCache(store, { keys: [key], tokens, uploads, compressors, decompress, compression: "zstd" })
  const server = await serveCache(app, { address: "127.0.0.1:0" })
  t.after(() => server.close(0))
  const url = `http://${server.address}`

  const netrc = join(dir, "netrc")
  const { secret } = tokens.create({ name: "test", right: "write" })
  writeFileSync(netrc, `machine 127.0.0.1 login token password ${secret}\n`)
  const trusted = `trusted-public-keys = ${formatPublicKey(key.publicKey)}`
  /** Nix with a store and a home of its own. */
  const nix = async (client: string, program: string, ...words: string[]): Promise<string> => {
    const home = join(dir, client)
    mkdirSync(home, { recursive: true })
    const config = `experimental-features = nix-command\nnetrc-file = ${netrc}\n${trusted}\nrequire-sigs = true\n`
    const env = {
      ...process.env,
      HOME: home,
      XDG_CACHE_HOME: home,
      NIX_CONFIG: config,
      NIX_REMOTE: `local?root=${home}`,
    }
    return output(program, words, env)
  }

  const source = join(dir, "source")
  mkdirSync(source)
  writeFileSync(join(source, "text"), "hello\n".repeat(10_000))
  const path = await nix("pusher", "nix-store", "--add", source)
  for (const compression of ["xz", "none", "br"]) {
    await nix(`pusher`, "nix", "copy", "--to", `${url}?compression=${compression}`, path)
  }
  assert.ok((await nix("reader", "nix", "path-info", "--store", url, path)).includes(path))
  assert.match(await nix("reader", "nix", "path-info", "--sigs", "--store", url, path), / cache-1:/)
  await nix("reader", "nix", "copy", "--from", url, path)
  assert.equal(readFileSync(join(dir, "reader", path, "text"), "utf8"), "hello\n".repeat(10_000))
  assert.match(await nix("reader", "nix", "store", "ls", "--store", url, path), /text/)
  // Whoever pushed remembers the narinfo that it sent, and with it another address of the NAR.
  await nix("pusher", "nix", "store", "verify", "--store", url, path)
})

function output(program: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] })
    let out = ""
    let error = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => (error += text))
    child.on("close", (status) => {
      if (status === 0) resolve(out.trim())
      else reject(new Error(`${program} ${words.join(" ")}: ${error}`))
    })
  })
}
