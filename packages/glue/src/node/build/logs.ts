/**
 * What builders said, kept in a folder as C++ Nix keeps it: by the first two digits of the derivation's path, compressed.
 *
 *     DIR/ab/cdef…-hello.drv.zst       frames of zstd one after the other
 *     DIR/ab/cdef…-hello.drv.zst.part  while it is being built, and if nobody came to the end
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { zstdCompressSync, zstdDecompressSync } from "node:zlib"
import { textOf } from "@tvix-ts/bytes"
import type { RealiseEvent } from "../../build/realise.ts"

/** Bytes that may be lost if the process dies. */
const FRAME = 256 * 1024
/** Bytes of a log that is read. */
const LOG_MAX = 2 ** 30

export class BuildLogs {
  readonly #dir: string
  /** Not written yet, by derivation. */
  readonly #pending = new Map<string, { pieces: Uint8Array[]; size: number }>()

  constructor(dir: string) {
    this.#dir = dir
  }

  readonly event = (event: RealiseEvent): void => {
    switch (event.kind) {
      case "build-started":
        this.#pending.set(event.derivation, { pieces: [], size: 0 })
        rmSync(`${this.#file(event.derivation)}.part`, { force: true })
        break
      case "build-log": {
        const pending = this.#pending.get(event.derivation)!
        pending.pieces.push(event.bytes.slice())
        if ((pending.size += event.bytes.length) >= FRAME) this.#write(event.derivation)
        break
      }
      case "build-done":
      case "build-failed":
      case "build-cancelled":
        this.#end(event.derivation)
        break
      case "build-planned":
      case "build-waiting":
      case "build-elsewhere":
      case "build-found":
      case "build-phase":
      case "build-kept":
      case "fetch-started":
      case "fetch-done":
      case "fetch-failed":
        break
    }
  }

  /** What the builder of a derivation said the last time; undefined if it is not known. */
  read(derivation: string): Uint8Array | undefined {
    const file = this.#file(derivation)
    if (!existsSync(file)) return undefined
    return zstdDecompressSync(readFileSync(file), { maxOutputLength: LOG_MAX })
  }

  #write(derivation: string): void {
    const bytes = Buffer.concat(this.#pending.get(derivation)!.pieces)
    this.#pending.set(derivation, { pieces: [], size: 0 })
    const file = this.#file(derivation)
    mkdirSync(dirname(file), { recursive: true })
    appendFileSync(`${file}.part`, zstdCompressSync(bytes))
  }

  #end(derivation: string): void {
    if (!this.#pending.has(derivation)) return
    this.#write(derivation)
    this.#pending.delete(derivation)
    const file = this.#file(derivation)
    renameSync(`${file}.part`, file)
  }

  #file(derivation: string): string {
    const base = textOf(derivation.slice(derivation.lastIndexOf("/") + 1))
    return join(this.#dir, base.slice(0, 2), `${base.slice(2)}.zst`)
  }
}
