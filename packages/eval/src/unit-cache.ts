/**
 * Where compiled units are kept from one evaluation to the next: who keeps them sees digests and bytes, and need not
 * understand either.
 */
import { encodeHex } from "@tvix-ts/bytes"
import { hexDigest } from "@tvix-ts/hash"
import { instructions } from "./compiler/opcodes.ts"
import { HEADER_BYTES, SECTIONS } from "./compiler/unit-encoding.ts"

/** Answers at once and never throws: a cache that cannot be read has nothing, one that cannot be written stays as it is. */
export interface UnitCache {
  /** The units that one compiler made with the same settings, which `kind`, a hexadecimal digest, stands for. */
  open(kind: string): UnitShelf
  /** Keeps for good what was put, as far as it can. */
  flush(): void
}

export interface UnitShelf {
  /** The unit of the source text with this SHA-256, in an array that begins at a multiple of eight and may be too long. */
  get(digest: Uint8Array): Uint8Array | undefined
  /** `encode` may be called later, or never. What was there under `digest` was found to be of no use. */
  put(digest: Uint8Array, encode: () => Uint8Array): void
  /** What {@link remember} was told last. */
  digestOf(stamp: FileStamp): Uint8Array | undefined
  remember(stamp: FileStamp, digest: Uint8Array): void
}

/**
 * What changes whenever a file does: as long as it is the same, so are the file's contents, if it is old enough to be
 * {@link isSettled}. Times are in milliseconds since 1970.
 */
export interface FileStamp {
  readonly device: number
  readonly inode: number
  readonly size: number
  readonly modified: number
  readonly changed: number
}

/**
 * Whether a file that has this stamp now has it for what it contains now. One that was written a moment ago may be written
 * again within what its file system takes for the same moment: two seconds, where it is FAT. (git calls it racily clean.)
 */
export function isSettled({ modified, changed }: FileStamp, now: number): boolean {
  return now - modified > SETTLED_AFTER_MS && now - changed > SETTLED_AFTER_MS
}
const SETTLED_AFTER_MS = 2_500

export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return (
    a.device === b.device &&
    a.inode === b.inode &&
    a.size === b.size &&
    a.modified === b.modified &&
    a.changed === b.changed
  )
}

/**
 * Counts changes of what the compiler or the parser makes of a program, apart from those of the instruction set, which
 * {@link unitKind} sees itself. compiler-version.test.ts notices when it was forgotten.
 */
export const COMPILER_VERSION = 3

/** Put in by whoever bundles us from sources that are being worked on: a digest of those of parser and compiler. */
declare const TVIX_COMPILER_SOURCES: string | undefined

export interface UnitSettings {
  readonly pipeOperators: boolean
  /** Names of the outermost scope. */
  readonly globals: readonly string[]
}

/** Names all that a unit depends on, its source apart. */
export function unitKind({ pipeOperators, globals }: UnitSettings): string {
  return hexDigest(
    "sha256",
    JSON.stringify([
      COMPILER_VERSION,
      typeof TVIX_COMPILER_SOURCES === "undefined" ? "" : TVIX_COMPILER_SOURCES,
      SECTIONS,
      HEADER_BYTES,
      [...new Uint8Array(Uint16Array.of(1).buffer)],
      Object.entries(instructions).map(([name, { operands }]) => [name, operands]),
      pipeOperators,
      [...globals].sort(),
    ]),
  ).slice(0, 2 * KIND_BYTES)
}
/** Kinds are told apart by accident only, and are names of folders. */
const KIND_BYTES = 16

/** Keeps units as long as it lives: for programs that evaluate the same sources again and again, each time in a new world. */
export function memoryUnitCache(): UnitCache {
  const shelves = new Map<string, UnitShelf>()
  return {
    open(kind) {
      let shelf = shelves.get(kind)
      if (shelf === undefined) shelves.set(kind, (shelf = memoryShelf()))
      return shelf
    },
    flush() {},
  }
}
function memoryShelf(): UnitShelf {
  const units = new Map<string, Uint8Array>()
  return {
    get: (digest) => units.get(encodeHex(digest)),
    put: (digest, encode) => void units.set(encodeHex(digest), encode()),
    digestOf: () => undefined,
    remember() {},
  }
}
