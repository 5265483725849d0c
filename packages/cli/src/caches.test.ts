import assert from "node:assert/strict"
import { test } from "node:test"
import { cacheDirectory } from "./caches.ts"

test("where the cache is", () => {
  const cases: readonly (readonly [NodeJS.Platform, Record<string, string>, string | undefined])[] = [
    ["linux", { HOME: "/h" }, "/h/.cache/tvix"],
    ["linux", { HOME: "/h", XDG_CACHE_HOME: "/c" }, "/c/tvix"],
    ["linux", { HOME: "/h", XDG_CACHE_HOME: "c" }, "/h/.cache/tvix"],
    ["linux", { HOME: "/h", XDG_CACHE_HOME: "/c", TVIX_CACHE_DIR: "/own" }, "/own"],
    ["linux", { HOME: "/h", TVIX_CACHE_DIR: "own" }, undefined],
    ["linux", { HOME: "h" }, undefined],
    ["linux", { HOME: "/h", TVIX_NO_CACHE: "1", TVIX_CACHE_DIR: "/own" }, undefined],
    ["linux", { HOME: "/h", TVIX_NO_CACHE: "" }, "/h/.cache/tvix"],
    ["darwin", { HOME: "/h" }, "/h/Library/Caches/tvix"],
    ["darwin", { HOME: "/h", XDG_CACHE_HOME: "/c" }, "/c/tvix"],
    ["win32", { HOME: "/h", LOCALAPPDATA: "/l" }, "/l/tvix/cache"],
  ]
  for (const [platform, env, directory] of cases) {
    assert.equal(cacheDirectory(env, platform), directory, `${platform} ${JSON.stringify(env)}`)
  }
})
