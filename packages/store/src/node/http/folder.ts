import { randomUUID } from "node:crypto"
import { constants } from "node:fs"
import { open, rename, rm, stat, type FileHandle } from "node:fs/promises"
import { dirname, join } from "node:path"
import { CastoreError, type CallOptions, type Contents } from "@tvix-ts/castore"
import { makeFolder } from "@tvix-ts/castore/node"
import { textOf } from "@tvix-ts/bytes"
import type { CacheFiles } from "../../http/cache-files.ts"

const PIECE = 2 ** 18

/** A binary cache laid out on disk, as `nix copy --to file:///DIR` does it. */
export class FolderFiles implements CacheFiles {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  shown(path: string): string {
    return `'${join(this.#folder, textOf(path))}'`
  }

  async read(path: string, sizeMax: number, { signal }: CallOptions = {}): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted()
    return this.#guard(path, async (file) => {
      const opened = await this.#open(file, path)
      try {
        const { size } = await opened.stat()
        if (size > sizeMax) throw corrupt(this.shown(path), `it has more than ${sizeMax} bytes`)
        return new Uint8Array(await opened.readFile())
      } finally {
        await opened.close()
      }
    })
  }

  async stream(path: string, { signal }: CallOptions = {}): Promise<AsyncIterable<Uint8Array> | undefined> {
    signal?.throwIfAborted()
    const opened = await this.#guard(path, (file) => this.#open(file, path))
    return opened?.createReadStream({ highWaterMark: PIECE, ...(signal !== undefined && { signal }) })
  }

  async has(path: string, { signal }: CallOptions = {}): Promise<boolean> {
    signal?.throwIfAborted()
    return (await this.#guard(path, async (file) => (await stat(file)).isFile())) === true
  }

  async write(path: string, contents: () => Contents, _type: string, { signal }: CallOptions = {}): Promise<void> {
    const target = this.#pathOf(path)
    const draft = `${target}.${randomUUID()}.tmp`
    try {
      makeFolder(dirname(target))
      const opened = await open(draft, "wx")
      try {
        for await (const piece of contents()) {
          signal?.throwIfAborted()
          await opened.appendFile(piece)
        }
        await opened.sync()
      } finally {
        await opened.close()
      }
      await rename(draft, target)
      // Who was told that it is there finds it after a power failure, too.
      const folder = await open(dirname(target), "r")
      try {
        await folder.sync()
      } finally {
        await folder.close()
      }
    } catch (error) {
      await rm(draft, { force: true })
      throw storageProblem(error)
    }
  }

  async close(): Promise<void> {}

  /** @throws {CastoreError} `corrupt` for what is no file; that of a pipe nobody waits for its other end */
  async #open(file: string, path: string): Promise<FileHandle> {
    const opened = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    if ((await opened.stat()).isFile()) return opened
    await opened.close()
    throw corrupt(this.shown(path), "it is no file")
  }

  async #guard<T>(path: string, work: (file: string) => Promise<T>): Promise<T | undefined> {
    try {
      return await work(this.#pathOf(path))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "ENOENT" || code === "ENOTDIR") return undefined
      throw storageProblem(error)
    }
  }

  /** @throws {CastoreError} `corrupt` for what leads out of the folder */
  #pathOf(path: string): string {
    const names = path.split("/")
    if (names.some((name) => name === "" || name === "." || name === ".." || name.includes("\0"))) {
      throw corrupt(`'${this.#folder}'`, `it has a narinfo with an archive that is not below it, '${textOf(path)}'`)
    }
    return join(this.#folder, textOf(path))
  }
}

function storageProblem(error: unknown): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException
  if (syscall === undefined) return error
  const full = code === "ENOSPC" || code === "EDQUOT"
  return new CastoreError({ code: full ? "full" : "unavailable", reason: message }, { cause: error })
}

function corrupt(what: string, reason: string): CastoreError {
  return new CastoreError({ code: "corrupt", what, reason })
}
