import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { testBlobService } from "../../testing/blob-service.ts"
import { testDirectoryService } from "../../testing/directory-service.ts"
import { openLocalCastore } from "./open.ts"

async function open<K extends "blobs" | "directories">(kind: K) {
  const dir = mkdtempSync(join(tmpdir(), "tvix-local-"))
  const castore = openLocalCastore(dir)
  const close = async (): Promise<void> => {
    await castore.close()
    rmSync(dir, { recursive: true })
  }
  return { service: castore[kind], close }
}

testBlobService("local", () => open("blobs"))
testDirectoryService("local", () => open("directories"))
