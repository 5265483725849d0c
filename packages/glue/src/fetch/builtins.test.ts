import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringOf } from "@tvix-ts/bytes"
import {
  deeply,
  describe as describeProblem,
  Evaluation,
  Failure,
  makeGlobals,
  memoryIo,
  printValue,
} from "@tvix-ts/eval"
import { hash } from "@tvix-ts/hash"
import { bytesOf } from "@tvix-ts/bytes"
import { fixedOutputPath } from "@tvix-ts/nix-compat"
import { memoryStore } from "@tvix-ts/store"
import { SourceFile } from "@tvix-ts/syntax"
import { evaluationStore } from "../evaluation-store.ts"
import { fetchBuiltins, type FetchOptions } from "./builtins.ts"
import type { Fetcher } from "./fetcher.ts"
import { FetchError } from "./problem.ts"

/** Everything is "hello"; what is asked for is written down. */
function helloFetcher(): { fetcher: Fetcher; asked: string[] } {
  const asked: string[] = []
  const hello = { algorithm: "sha256", digest: hash("sha256", bytesOf("hello")) } as const
  const fetcher: Fetcher = {
    async file({ url, name }) {
      asked.push(`${name} ${url}`)
      if (url.includes("none")) throw new FetchError({ code: "http-status", url, status: 404 })
      return { path: fixedOutputPath(name, "flat", hello), hash: hello }
    },
    async tarball({ url, name }) {
      asked.push(`${name} ${url}`)
      return { path: fixedOutputPath(name, "nar", hello), hash: hello }
    },
    async git({ name, url, ref, rev = "1".repeat(40), ...flags }) {
      const set = (["shallow", "submodules", "allRefs", "exportIgnore"] as const).filter((flag) => flags[flag])
      asked.push(`${name} ${url} ${ref} ${rev.slice(0, 3)} ${set.join()}`)
      return { path: fixedOutputPath(name, "nar", hello), narHash: hello, rev, revCount: 7, lastModified: 1 }
    },
  }
  return { fetcher, asked }
}

interface Run extends FetchOptions {
  readonly pure?: boolean
}
async function run(expression: string, { pure = false, ...options }: Run = {}) {
  const castore = memoryStore()
  const store = evaluationStore(async () => castore)
  const { fetcher, asked } = helloFetcher()
  const builtins = fetchBuiltins(store, fetcher, options)
  const said: string[] = []
  const evaluation = new Evaluation(
    { io: memoryIo({}), builtins, pure, onMessage: (_, message) => said.push(message) },
    makeGlobals,
  )
  const source = new SourceFile("test", byteStringOf(expression))
  let shown: string
  try {
    shown = printValue(await evaluation.run(deeply(evaluation.load(source, "/"))))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    shown = `error: ${describeProblem(error.problem, evaluation.positions)}`
  }
  await castore.close()
  return { shown, asked, said, store }
}

const HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
const F = "/nix/store/h3l41b48w4vk3d4g7q5raj8fgyn0vqix-f.txt"

const SHOWN: readonly { expression: string; shown: string; asked: readonly string[]; pure?: boolean }[] = [
  { expression: 'builtins.fetchurl "http://x/f.txt"', shown: `"${F}"`, asked: ["f.txt http://x/f.txt"] },
  { expression: 'builtins.fetchurl "http://x/f.txt/"', shown: `"${F}"`, asked: ["f.txt http://x/f.txt/"] },
  { expression: 'builtins.fetchurl { url = "http://x/y"; name = "f.txt"; }', shown: `"${F}"`, asked: ["f.txt http://x/y"] },
  { expression: 'builtins.getContext (builtins.fetchurl "http://x/f.txt")', shown: `{ "${F}" = { path = true; }; }`, asked: ["f.txt http://x/f.txt"] },
  { expression: `builtins.fetchurl { url = "http://x/f.txt"; sha256 = "${HELLO}"; }`, shown: `"${F}"`, asked: ["f.txt http://x/f.txt"], pure: true },
  { expression: 'baseNameOf (fetchTarball "channel:c") == baseNameOf (fetchTarball "http://x")', shown: "true", asked: ["source https://channels.nixos.org/c/nixexprs.tar.xz", "source http://x"] },
  { expression: '(fetchGit "/r").lastModifiedDate', shown: '"19700101000001"', asked: ["source file:///r undefined 111 exportIgnore"] },
  { expression: `(fetchGit { url = "h@x:r"; ref = "b"; rev = "${"2".repeat(40)}"; submodules = true; }).shortRev`, shown: '"2222222"', asked: ["source ssh://h@x/r b 222 submodules"], pure: true },
  { expression: 'builtins.tryEval (builtins.fetchurl "http://x/none")', shown: "error: unable to download 'http://x/none': HTTP error 404", asked: ["none http://x/none"] },
  { expression: 'builtins.fetchurl "http://x/f.txt"', shown: "error: in pure evaluation mode, 'fetchurl' requires a 'sha256' argument", asked: [], pure: true },
  { expression: 'fetchTarball "http://x/f.txt"', shown: "error: in pure evaluation mode, 'fetchTarball' requires a 'sha256' argument", asked: [], pure: true },
  { expression: 'fetchGit { url = "/r"; ref = "b"; }', shown: "error: in pure evaluation mode, 'fetchGit' doesn't fetch unlocked input 'git+file:///r?exportIgnore=1&ref=b'", asked: [], pure: true },
  { expression: 'fetchGit { url = "/r"; rev = "0000000000000000000000000000000000000000"; }', shown: "error: in pure evaluation mode, 'fetchGit' doesn't fetch unlocked input 'git+file:///r?exportIgnore=1&rev=0000000000000000000000000000000000000000'", asked: [], pure: true },
  { expression: 'fetchGit { url = "/r"; lfs = true; }', shown: "error: fetching files of Git LFS is not supported", asked: [] },
  { expression: 'fetchGit { url = "/r"; publicKey = "x"; }', shown: "error: experimental Nix feature 'verified-fetches' is disabled; add '--extra-experimental-features verified-fetches' to enable it", asked: [] },
  { expression: 'fetchGit { url = "/r"; rev = "md5:00000000000000000000000000000000"; }', shown: "error: Hash 'md5:00000000000000000000000000000000' is not supported by Git. Supported types are sha1 and sha256.", asked: [] },
] // prettier-ignore
describe("asked and shown", () => {
  for (const { expression, shown, asked, pure = false } of SHOWN) {
    test(`${pure ? "pure: " : ""}${expression}`, async () => {
      const result = await run(expression, { pure })
      assert.equal(result.shown, shown)
      assert.deepEqual(result.asked, asked)
    })
  }
})

test("what is in the store is not fetched", async () => {
  const castore = memoryStore()
  const store = evaluationStore(async () => castore)
  await store.addText(F, "hello", new Set())
  const { fetcher, asked } = helloFetcher()
  const evaluation = new Evaluation({ io: memoryIo({}), builtins: fetchBuiltins(store, fetcher) }, makeGlobals)
  const text = `builtins.fetchurl { url = "http://x/f.txt"; sha256 = "${HELLO}"; }`
  assert.equal(printValue(await evaluation.run(evaluation.load(new SourceFile("test", text), "/"))), `"${F}"`)
  assert.deepEqual(asked, [])
  await castore.close()
})

test("what was fetched may be read", async () => {
  const { store } = await run('builtins.fetchurl "http://x/f.txt"')
  assert.ok(store.hasAdded(F))
})

test("where addresses are restricted, others are not asked", async () => {
  const allowedUris = ["http://x/"]
  assert.equal((await run('builtins.fetchurl "http://x/f.txt"', { allowedUris })).shown, `"${F}"`)
  const { shown, asked } = await run('builtins.fetchurl "http://me:s3cret@y/f.txt"', { allowedUris })
  assert.equal(shown, "error: access to URI 'http://y/f.txt' is forbidden in restricted mode")
  assert.deepEqual(asked, [])
})

test("a hash in place of a commit is enough, though not for long", async () => {
  const expression = 'fetchGit { url = "/r"; narHash = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="; }'
  const { shown, said } = await run(`(${expression}).revCount`, { pure: true })
  assert.equal(shown, "7")
  assert.match(said.join(), /^Input 'git\+file:\/\/\/r\?exportIgnore=1' is unlocked/)
})
