import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { testStore } from "../../testing/store.ts"
import { openLocalStore } from "./store.ts"

testStore("local", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tvix-store-"))
  return { store: openLocalStore(dir), close: async () => rmSync(dir, { recursive: true }) }
})
