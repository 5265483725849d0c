import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openLocalCastore, type LocalCastore } from "@tvix-ts/castore/node"
import type { Castore } from "../../store.ts"

/** A castore in a temporary folder, which is made when somebody wants something of it, and is gone when it is closed. */
export class TemporaryCastore implements Castore {
  #open: { readonly folder: string; readonly castore: LocalCastore } | undefined

  get blobs(): Castore["blobs"] {
    return this.#castore().blobs
  }
  get directories(): Castore["directories"] {
    return this.#castore().directories
  }

  async close(): Promise<void> {
    const { castore, folder } = this.#open ?? {}
    this.#open = undefined
    await castore?.close()
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }

  #castore(): LocalCastore {
    if (this.#open === undefined) {
      const folder = mkdtempSync(join(tmpdir(), "tvix-cache-"))
      this.#open = { folder, castore: openLocalCastore(folder) }
    }
    return this.#open.castore
  }
}
