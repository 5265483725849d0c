import type { CallOptions, Contents } from "@tvix-ts/castore"
import type { Compression } from "../compression/problem.ts"

/** The files of a binary cache, wherever they are. Paths are relative to the cache, as narinfos have them: byte strings. */
export interface CacheFiles {
  /** How the file at `path` is called in messages; nothing secret is in it. */
  shown(path: string): string
  /**
   * All of a small file; `undefined` if it is not there.
   *
   * @throws {CastoreError} `corrupt` if it has more than `sizeMax` bytes
   */
  read(path: string, sizeMax: number, options?: CallOptions): Promise<Uint8Array | undefined>
  /** A file as it comes, each piece until the next; `undefined` if it is not there. */
  stream(path: string, options?: CallOptions): Promise<AsyncIterable<Uint8Array> | undefined>
  has(path: string, options?: CallOptions): Promise<boolean>
  /**
   * Writes a file, in place of the one that is there. It is there when it is complete, or not at all.
   *
   * @param contents gives them from the beginning each time it is called: what fails is tried again
   */
  write(path: string, contents: () => Contents, type: string, options?: CallOptions): Promise<void>
  close(): Promise<void>
}

/** Packs and unpacks: what a platform has. */
export interface Codecs {
  /** The compression that narinfos call `name`, if there is a way to read it. */
  known(name: string): Compression | undefined
  decompress(contents: AsyncIterable<Uint8Array>, compression: Compression): AsyncIterable<Uint8Array>
  /** @param level as the compression has them; its own default without */
  compress(
    contents: AsyncIterable<Uint8Array>,
    compression: Exclude<Compression, "bzip2">,
    level?: number,
  ): AsyncIterable<Uint8Array>
}
