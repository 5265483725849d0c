/** What tests of reading begin with: a server and stores that read from it, new for each test. */
import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, afterEach, beforeEach } from "node:test"
import { CastoreError } from "@tvix-ts/castore"
import { formatPublicKey, SecretKey } from "@tvix-ts/nix-compat"
import { memoryStore, type Store } from "../../../store.ts"
import { directory, file, noise, symlink } from "../../../testing/trees.ts"
import { openBinaryCache, type BinaryCacheSettings } from "../open.ts"
import { cacheServer, type CacheServer } from "./cache-server.ts"

export const key = await SecretKey.generate("test-1")
export const trusted = `trusted-public-keys=${formatPublicKey(key.publicKey)}`
export const tree = directory({
  bin: directory({ run: file("#!/bin/sh\n", true) }),
  big: file(noise(400_000)),
  link: symlink("big"),
})
export const emptyHome = mkdtempSync(join(tmpdir(), "tvix-http-"))
after(() => rmSync(emptyHome, { recursive: true }))

export let server: CacheServer
export let waits: number[]
export const stores: Store[] = []
beforeEach(async () => {
  server = await cacheServer()
  waits = []
})
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  await server.close()
})

export function open(
  options = trusted,
  settings: BinaryCacheSettings = {},
  near: Store | "none" = memoryStore(),
): Store {
  const store = openBinaryCache(`${server.address}?${options}`, near === "none" ? undefined : near, {
    env: { HOME: emptyHome },
    wait: async (ms) => void waits.push(Math.round(ms)),
    random: () => 1,
    ...settings,
  })
  stores.push(store)
  return store
}

export function problem(code: string, message: RegExp = /./) {
  return (error: unknown): true => {
    assert.ok(error instanceof CastoreError, String(error))
    assert.equal(error.problem.code, code, error.message)
    assert.match(error.message, message)
    return true
  }
}

export const asked = (path: string): number => server.asked.filter((line) => line.endsWith(` ${path}`)).length
