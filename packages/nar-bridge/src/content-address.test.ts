import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { byteStringFrom, bytesOf } from "@tvix-ts/bytes"
import { hash, hashByteString, type HashAlgorithm } from "@tvix-ts/hash"
import { contentAddressPath, parseStorePath, type ContentAddress, type StorePath } from "@tvix-ts/nix-compat"
import { memoryStore, storeTree, type PathInfo, type Store } from "@tvix-ts/store"
import { checkContentAddress } from "./content-address.ts"
import { CacheError } from "./problem.ts"
import { clientPath, fileTree, folderTree } from "./testing/paths.ts"

/** The tree in a store, under the path that follows from `contentAddress`. */
async function addressed(
  tree: Parameters<typeof storeTree>[0],
  contentAddress: ContentAddress,
  references: readonly StorePath[] = [],
): Promise<{ info: PathInfo; store: Store }> {
  const store = memoryStore()
  const { node, narSize, narHash } = await storeTree(tree, store, { name: "a" })
  const storePath = parseStorePath(contentAddressPath("a", contentAddress))
  return { store, info: { storePath, node, references, narSize, narHash, signatures: [], contentAddress } }
}

async function check({ info, store }: { info: PathInfo; store: Store }): Promise<void> {
  await checkContentAddress(info, info.contentAddress!, store, {})
}

const ofText = (algorithm: HashAlgorithm, text: string): ContentAddress["hash"] => {
  return { algorithm, digest: hashByteString(algorithm, text) }
}

describe("content addresses", () => {
  test("of files by their bytes, of texts, and of archives by other hashes", async () => {
    await check(await addressed(fileTree("hello"), { method: "flat", hash: ofText("sha256", "hello") }))
    await check(await addressed(fileTree("hello"), { method: "flat", hash: ofText("sha1", "hello") }))
    await check(await addressed(fileTree("hello"), { method: "text", hash: ofText("sha256", "hello") }))
    const { nar } = await clientPath("a", folderTree)
    for (const algorithm of ["sha1", "sha512", "sha256"] as const) {
      const digest = hash(algorithm, nar)
      await check(await addressed(folderTree, { method: "nar", hash: { algorithm, digest } }))
    }
  })

  const wrong: [name: string, tree: Parameters<typeof storeTree>[0], address: ContentAddress][] = [
    ["a file of other bytes", fileTree("other"), { method: "flat", hash: ofText("sha256", "hello") }],
    ["a text of other bytes", fileTree("other"), { method: "text", hash: ofText("sha256", "hello") }],
    ["an executable file", fileTree("hello", true), { method: "flat", hash: ofText("sha256", "hello") }],
    ["a folder", folderTree, { method: "flat", hash: ofText("sha256", "hello") }],
    ["another archive", folderTree, { method: "nar", hash: ofText("sha256", "hello") }],
    ["another archive, by another hash", folderTree, { method: "nar", hash: ofText("sha1", "hello") }],
  ]
  for (const [name, tree, address] of wrong) {
    test(`refused: ${name}`, async () => {
      await assert.rejects(check(await addressed(tree, address)), isMalformed)
    })
  }

  test("refused: another path than the one that follows", async () => {
    const { info, store } = await addressed(fileTree("hello"), { method: "flat", hash: ofText("sha256", "hello") })
    const storePath = { ...info.storePath, name: "b" }
    await assert.rejects(check({ info: { ...info, storePath }, store }), isMalformed)
  })

  test("of what mentions its own path are of what is left without it", async () => {
    // The path follows from the hash, which is of the archive with zeros in place of the path's digest.
    const contents = (digest: string): string => `${"-".repeat(100_000)}${digest}, and ${digest}${"+".repeat(70_000)}`
    const zeros = await clientPath("a", fileTree(contents("\0".repeat(32))))
    const text = byteStringFrom(zeros.nar)
    const first = text.indexOf("\0".repeat(32) + ", and ")
    const second = text.indexOf(", and ") + 6
    const modulo = ofText("sha256", `${text}|${first}|${second}`)
    const address = { method: "nar", hash: modulo } as const
    const storePath = parseStorePath(contentAddressPath("a", address, { others: [], self: true }))
    const store = memoryStore()
    const stored = await storeTree(fileTree(contents(storePath.digest)), store, { name: "a" })
    const info = { ...stored, storePath, references: [storePath], contentAddress: address }
    await check({ info, store })
    const other = await storeTree(fileTree(`${contents(storePath.digest)}!`), store, { name: "a" })
    await assert.rejects(check({ info: { ...info, node: other.node }, store }), isMalformed)
    assert.ok(bytesOf(text).length > 2 ** 17)
  })
})

function isMalformed(error: unknown): boolean {
  return error instanceof CacheError && error.problem.code === "malformed"
}
