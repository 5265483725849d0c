/** The store's cases for pages, and its package's example, which reads from a binary cache. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { concat, decodeHex, encodeBase64 } from "@tvix-ts/bytes"
import { fingerprint, formatNarInfo, SecretKey } from "@tvix-ts/nix-compat"
import { memoryStore, renderNar, storeTree } from "@tvix-ts/store"
import { ROOT } from "../toolchain.mjs"
import { bundle } from "./bundle.ts"
import { exampleOf, type Example } from "./example.ts"
import type { Answers } from "./serve.ts"

export const STORE_EXAMPLE: Example = exampleOf("store")

/** `/store.html` runs the cases, `/store-example.html` the example. */
export async function storeAnswers(): Promise<Answers> {
  const script = (name: string): string => `<!doctype html><script type="module" src="${name}"></script>`
  return {
    "/store.html": ["text/html", script("store-page.js")],
    "/store-page.js": ["text/javascript", await bundle(join(import.meta.dirname, "web", "store-page.ts"))],
    "/store-worker.js": ["text/javascript", await bundle(join(import.meta.dirname, "web", "store-worker.ts"))],
    "/store-example.html": ["text/html", script("store-example.js")],
    "/store-example.js": ["text/javascript", await bundle(exampleFile())],
    ...(await exampleCache()),
  }
}

/** KiB of JavaScript: the example with what it uses, and all that the package exports. */
export async function storeSizes(): Promise<string> {
  const sizes = await Promise.all(
    [
      ["example", exampleFile()] as const,
      ["whole package", join(ROOT, "packages", "store", "src", "index.ts")] as const,
    ].map(async ([name, path]) => {
      const code = await bundle(path)
      return `${name} ${Math.ceil(code.length / 1024)} KiB, ${Math.ceil(gzipSync(code).length / 1024)} gzipped`
    }),
  )
  return sizes.join("; ")
}

/** Inside the repository, so that packages are found by their names. */
function exampleFile(): string {
  const dir = join(ROOT, ".cache", "browser")
  mkdirSync(dir, { recursive: true })
  const path = join(dir, "store-example.js")
  writeFileSync(path, STORE_EXAMPLE.programs["example-page.js"]!)
  return path
}

/** A key of nobody: RFC 8032 section 7.1, test 1. */
const KEY =
  "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60" +
  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

/** A binary cache with one path in it, the one that the README begins with. */
async function exampleCache(): Promise<Answers> {
  const store = memoryStore()
  const hello = await storeTree(
    async (sink) => {
      sink.directory()
      sink.entry("hello")
      sink.file(6, true)
      await sink.contents(new TextEncoder().encode("hello\n"))
      sink.endDirectory()
    },
    store,
    { name: "hello" },
  )
  const nar: Uint8Array[] = []
  for await (const piece of renderNar(hello.node, store)) nar.push(piece.slice())
  const key = SecretKey.parse(`example-1:${encodeBase64(decodeHex(KEY)!)}`)
  const { node: _, ...known } = hello
  const signatures = [await key.sign(fingerprint(hello))]
  const { digest } = hello.storePath
  const info = formatNarInfo({ ...known, url: `nar/${digest}.nar`, compression: "none", signatures })
  return {
    [`/cache/${digest}.narinfo`]: ["text/x-nix-narinfo", info],
    [`/cache/nar/${digest}.nar`]: ["application/x-nix-nar", concat(nar)],
  }
}
