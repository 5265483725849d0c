import { randomUUID } from "node:crypto"
import { unlinkSync } from "node:fs"
import { open, type FileHandle } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * A file that nobody else can read, and that goes away when it is closed, or with the process, however that ends: it has no
 * name any more.
 */
export async function temporaryFile(): Promise<{ readonly file: FileHandle; close(): Promise<void> }> {
  const path = join(tmpdir(), `tvix-fetch-${randomUUID()}`)
  const file = await open(path, "wx+", 0o600)
  // Where files that are open cannot be removed, it is at the end.
  const left = !removed(path)
  return {
    file,
    async close() {
      await file.close()
      if (left) removed(path)
    },
  }
}

function removed(path: string): boolean {
  try {
    unlinkSync(path)
    return true
  } catch {
    return false
  }
}
