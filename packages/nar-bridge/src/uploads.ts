import type { Node } from "@tvix-ts/castore"
import type { NarCalculation } from "@tvix-ts/store"

/** A NAR that was uploaded, and is in the castore. */
export interface Upload extends NarCalculation {
  /** As the client named it, without `nar/`. */
  readonly name: string
  readonly node: Node
  /** SHA-256 of the file as it came: 32 bytes. */
  readonly fileHash: Uint8Array
  /** Bytes. */
  readonly fileSize: number
}

/**
 * Remembers what was uploaded, by the names that clients gave it: narinfos, which come later and perhaps after a restart, speak
 * of those names; and so do, for a month, the clients that uploaded it, which remember their own narinfos.
 *
 * It may forget the oldest, of which the narinfo is then refused.
 */
export interface Uploads {
  /** Durable when it resolves, in place of the one of the same name. */
  put(upload: Upload): Promise<void>
  get(name: string): Promise<Upload | undefined>
  close(): Promise<void>
}

/** How many are remembered: some 300 bytes each. */
export const UPLOADS_MAX = 200_000

/** For as long as the program runs. */
export function memoryUploads(uploadsMax: number = UPLOADS_MAX): Uploads {
  /** The oldest first. */
  const uploads = new Map<string, Upload>()
  return {
    async put(upload) {
      uploads.delete(upload.name)
      uploads.set(upload.name, upload)
      if (uploads.size > uploadsMax) uploads.delete(uploads.keys().next().value!)
    },
    get: async (name) => uploads.get(name),
    async close() {},
  }
}
