/** One evaluation's use of a cache of units. */
import { hashByteString } from "@tvix-ts/hash"
import { SourceFile } from "@tvix-ts/syntax"
import type { CompiledUnit } from "./compiler/compiled-unit.ts"
import { PackedTables, PackedUnit } from "./compiler/packed-unit.ts"
import { encodeUnit } from "./compiler/unit-encoding.ts"
import type { Evaluation } from "./evaluation.ts"
import { isSettled, unitKind, type FileStamp, type UnitCache, type UnitShelf } from "./unit-cache.ts"

export class UnitReader {
  readonly #cache: UnitCache
  readonly #evaluation: Evaluation
  #opened: UnitShelf | undefined
  /** Digests of sources met in this evaluation that have units. */
  readonly #digests = new WeakMap<SourceFile, Uint8Array>()

  constructor(cache: UnitCache, evaluation: Evaluation) {
    this.#cache = cache
    this.#evaluation = evaluation
  }

  /** Opened late: many a program reads no file. */
  get #shelf(): UnitShelf {
    return (this.#opened ??= this.#cache.open(
      unitKind({
        pipeOperators: this.#evaluation.options.pipeOperators === true,
        globals: this.#evaluation.globals.sortedNames(),
      }),
    ))
  }

  /** What tells whether the file at `path`, no link, has changed; undefined if that cannot be relied upon yet. */
  stamp(path: string): FileStamp | undefined {
    const stamp = this.#evaluation.io.stamp?.(path)
    return stamp !== undefined && isSettled(stamp, Date.now()) ? stamp : undefined
  }

  /** The unit of a file that has not changed, without reading it. */
  find(stamp: FileStamp, path: string, real: string, basePath: string): PackedUnit | undefined {
    const digest = this.#shelf.digestOf(stamp)
    const tables = digest && this.#tables(digest)
    if (tables === undefined || tables.sourceLength !== stamp.size) return undefined
    const source = new SourceFile(path, {
      length: tables.sourceLength,
      lineStarts: () => tables.lineStarts(),
      read: () => this.#read(real, digest!),
    })
    return this.#unit(tables, source, basePath)
  }

  /** The unit of the source. */
  get(source: SourceFile, basePath: string): PackedUnit | undefined {
    const digest = hashByteString("sha256", source.text)
    this.#digests.set(source, digest)
    const tables = this.#tables(digest)
    return tables?.sourceLength === source.length ? this.#unit(tables, source, basePath) : undefined
  }

  put(unit: CompiledUnit): void {
    const digest = this.#digests.get(unit.source)
    if (digest !== undefined) this.#shelf.put(digest, () => encodeUnit(unit, digest))
  }

  /**
   * @param before the stamp of the file of `source` before it was read. If it has been changed in between, nothing will
   *   have that stamp again.
   */
  remember(before: FileStamp, source: SourceFile): void {
    const digest = this.#digests.get(source)
    if (digest !== undefined && before.size === source.length) this.#shelf.remember(before, digest)
  }

  #tables(digest: Uint8Array): PackedTables | undefined {
    const bytes = this.#shelf.get(digest)
    return bytes && PackedTables.read(bytes, digest)
  }
  #unit(tables: PackedTables, source: SourceFile, basePath: string): PackedUnit {
    return new PackedUnit(tables, source, basePath, this.#evaluation.options.home)
  }

  /** The text of a file whose unit was found without reading it; undefined if it is another by now. */
  #read(path: string, digest: Uint8Array): string | undefined {
    try {
      const text = this.#evaluation.io.readFile(path)
      if (typeof text !== "string") return undefined
      const found = hashByteString("sha256", text)
      return found.every((byte, i) => byte === digest[i]) ? text : undefined
    } catch {
      return undefined
    }
  }
}
