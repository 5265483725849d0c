/**
 * Tape archives, piece by piece. POSIX.1-1988 (ustar), POSIX.1-2001 (pax), what GNU tar adds for long names and large
 * numbers, and the format of version 7 before them; what libarchive does where they leave it open. Each entry is a block
 * of 512 bytes, then its contents, filled up to a multiple of that:
 *
 *     0 name[100]   100 mode[8]    124 size[12]   148 checksum[8]   156 type   157 link target[100]
 *     257 "ustar"   345 prefix[155], but not in GNU's, where 257 is "ustar  "
 *
 * A block of zeros ends it: what comes after is not looked at.
 *
 * Why not tar-stream: by its source (3.2) it goes on after the end, so that an archive would have other contents than for
 * C++ Nix, takes names in pax for UTF-8, losing those that are not, and makes files of sparse ones.
 */
import { byteStringFrom } from "@tvix-ts/bytes"
import { archiveProblem } from "./problem.ts"

export interface TarEntry {
  readonly type: "file" | "directory" | "symlink" | "link"
  /** As it is written: a byte string that may begin or end in slashes, and contain `.` and `..`. */
  readonly path: string
  /** Bytes of a file. */
  readonly size: number
  readonly executable: boolean
  /** Of a symbolic link what it contains, of another link the path of an entry. */
  readonly target: string
}

export interface TarSink {
  entry(entry: TarEntry): void
  /** The next piece of a file. It may not be kept. A promise asks to wait for it. */
  contents(bytes: Uint8Array): void | Promise<void>
  /** After all contents of a file. */
  endFile(): void
}

/** Bytes of a header, and of what contents are filled up to. */
export const TAR_BLOCK = 512
/** Bytes of a name, or of a list of pax attributes. Linux knows no path above 4 KiB; C++ Nix's library stops at 1 MiB. */
const EXTRA_MAX = 1 << 20
const OWNER_EXECUTES = 0o100

/** Attributes of the entries to come. Names that are not of interest are not kept. */
interface Extra {
  path?: string
  target?: string
  size?: number
}

export class TarReader {
  private readonly sink: TarSink
  private readonly block = new Uint8Array(TAR_BLOCK)
  private filled = 0
  /** Bytes of contents still to come, and how many after them fill the block. */
  private left = 0
  private padding = 0
  /** What becomes of the contents. */
  private body: "skip" | "file" | "path" | "target" | "pax" | "pax-global" = "skip"
  private extra: Uint8Array = new Uint8Array(0)
  private next: Extra = {}
  private always: Extra = {}
  private isPax = false
  private entries = 0
  private done = false

  constructor(sink: TarSink) {
    this.sink = sink
  }

  /** Whether the end was seen. */
  get ended(): boolean {
    return this.done
  }

  /** A promise asks to wait for it before writing more. @throws {FetchError} `archive` */
  write(bytes: Uint8Array): void | Promise<void> {
    let at = 0
    while (at < bytes.length && !this.done) {
      if (this.left > 0) {
        const piece = bytes.subarray(at, at + this.left)
        at += piece.length
        const waiting = this.take(piece)
        if (waiting !== undefined) return this.resume(waiting, bytes.subarray(at))
      } else if (this.padding > 0) {
        const skipped = Math.min(this.padding, bytes.length - at)
        at += skipped
        this.padding -= skipped
      } else {
        const piece = bytes.subarray(at, at + TAR_BLOCK - this.filled)
        this.block.set(piece, this.filled)
        at += piece.length
        this.filled += piece.length
        if (this.filled === TAR_BLOCK) {
          this.filled = 0
          this.header(this.block)
        }
      }
    }
  }

  private async resume(waiting: Promise<void>, rest: Uint8Array): Promise<void> {
    await waiting
    await this.write(rest)
  }

  /** @throws {FetchError} `archive` if it stops in the middle of something */
  end(): void {
    if (this.done) return
    if (this.filled > 0 && this.entries === 0) throw archiveProblem("Unrecognized archive format")
    if (this.filled > 0 || this.left > 0 || this.padding > 0) throw archiveProblem("Truncated tar archive")
  }

  private take(piece: Uint8Array): void | Promise<void> {
    this.left -= piece.length
    if (this.body === "skip") return
    if (this.body === "file") {
      const waiting = this.sink.contents(piece)
      if (this.left > 0) return waiting
      if (waiting !== undefined) return waiting.then(() => this.sink.endFile())
      return this.sink.endFile()
    }
    this.extra.set(piece, this.extra.length - this.left - piece.length)
    if (this.left === 0) this.endExtra()
  }

  private endExtra(): void {
    switch (this.body) {
      case "path":
        this.next.path = textAt(this.extra, 0, this.extra.length)
        break
      case "target":
        this.next.target = textAt(this.extra, 0, this.extra.length)
        break
      case "pax":
        readPax(this.extra, this.next)
        break
      case "pax-global":
        readPax(this.extra, this.always)
        break
      case "skip":
      case "file":
    }
  }

  private header(block: Uint8Array): void {
    if (block.every((byte) => byte === 0)) {
      this.done = true
      return
    }
    if (!isTarHeader(block)) {
      throw archiveProblem(this.entries === 0 ? "Unrecognized archive format" : "Damaged tar archive")
    }
    this.entries++
    const type = String.fromCharCode(block[156]!)
    const declared = numberAt(block, 124, 12)
    switch (type) {
      case "L":
        return this.beginExtra("path", declared)
      case "K":
        return this.beginExtra("target", declared)
      case "x":
      case "X":
        this.isPax = true
        return this.beginExtra("pax", declared)
      case "g":
        return this.beginExtra("pax-global", declared)
      case "V":
        return this.begin("skip", declared)
      case "S":
      case "M":
        throw archiveProblem(`'${pathAt(block)}' is ${type === "S" ? "a sparse file" : "continued"}: not supported`)
    }
    const { path = pathAt(block), target = textAt(block, 157, 100), size = declared } = { ...this.always, ...this.next }
    const pax = this.isPax
    this.next = {}
    this.isPax = false
    const executable = (numberAt(block, 100, 8) & OWNER_EXECUTES) !== 0
    switch (type) {
      case "1":
        this.sink.entry({ type: "link", path, size: 0, executable, target })
        // Only pax archives have contents there, which are those of the other entry.
        return this.begin("skip", pax ? size : 0)
      case "2":
        this.sink.entry({ type: "symlink", path, size: 0, executable, target })
        return this.begin("skip", 0)
      case "5":
      case "D":
        this.sink.entry({ type: "directory", path, size: 0, executable, target: "" })
        return this.begin("skip", size)
      case "3":
      case "4":
      case "6":
        throw archiveProblem(`file '${path}' in tarball has unsupported file type '${DEVICES[type]}'`)
    }
    // Version 7 had no type for directories. Types that nobody knows are files, says POSIX.
    if (path.endsWith("/")) {
      this.sink.entry({ type: "directory", path, size: 0, executable, target: "" })
      return this.begin("skip", size)
    }
    this.sink.entry({ type: "file", path, size, executable, target: "" })
    this.begin("file", size)
    if (size === 0) this.sink.endFile()
  }

  private begin(body: TarReader["body"], size: number): void {
    this.body = body
    this.left = size
    this.padding = (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK
  }

  private beginExtra(body: "path" | "target" | "pax" | "pax-global", size: number): void {
    if (size > EXTRA_MAX) throw archiveProblem(`a name, or what is said of an entry, has ${size} bytes`)
    this.extra = new Uint8Array(size)
    this.begin(body, size)
    if (size === 0) this.endExtra()
  }
}

const DEVICES = { "3": "character device", "4": "block device", "6": "pipe" } as const

/** Up to the first NUL. */
function textAt(bytes: Uint8Array, from: number, length: number): string {
  const field = bytes.subarray(from, from + length)
  const end = field.indexOf(0)
  return byteStringFrom(end < 0 ? field : field.subarray(0, end))
}

function pathAt(block: Uint8Array): string {
  const name = textAt(block, 0, 100)
  const isPosix = textAt(block, 257, 6) === "ustar"
  const prefix = isPosix ? textAt(block, 345, 155) : ""
  return prefix === "" ? name : `${prefix}/${name}`
}

/**
 * Whether a block of {@link TAR_BLOCK} bytes has the checksum of a header: the sum of all bytes, those of the field itself
 * counted as spaces. Old programs took bytes to have a sign.
 */
export function isTarHeader(block: Uint8Array): boolean {
  const expected = octal(textAt(block, 148, 8))
  let sum = 0
  let signed = 0
  for (let i = 0; i < TAR_BLOCK; i++) {
    const byte = i >= 148 && i < 156 ? 0x20 : block[i]!
    sum += byte
    signed += byte < 0x80 ? byte : byte - 0x100
  }
  return expected === sum || expected === signed
}

/** Octal digits; or, if the first bit is set, a binary number in what follows it. */
function numberAt(block: Uint8Array, from: number, length: number): number {
  const first = block[from]!
  const number = first < 0x80 ? octal(textAt(block, from, length)) : binary(block.subarray(from, from + length))
  if (number === undefined || !Number.isSafeInteger(number) || number < 0) {
    throw archiveProblem("Damaged tar archive: a number in it is none")
  }
  return number
}
function octal(text: string): number | undefined {
  const digits = /^ *([0-7]*)/.exec(text)![1]!
  return digits === "" ? 0 : Number.parseInt(digits, 8)
}
function binary(field: Uint8Array): number {
  // The second bit is the sign.
  if ((field[0]! & 0x40) !== 0) return -1
  return field.reduce((number, byte, i) => (i === 0 ? byte & 0x3f : number * 0x100 + byte), 0)
}

const SPACE = 0x20
const EQUALS = 0x3d

/** Records `LENGTH NAME=VALUE\n`, where LENGTH is that of all of the record. */
function readPax(bytes: Uint8Array, into: Extra): void {
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(SPACE, at)
    const digits = space < 0 ? "" : byteStringFrom(bytes.subarray(at, Math.min(space, at + 20)))
    const length = /^[0-9]+$/.test(digits) ? Number(digits) : 0
    const end = at + length
    const equals = bytes.indexOf(EQUALS, space)
    if (length === 0 || end > bytes.length || equals < 0 || equals >= end) {
      throw archiveProblem("Damaged tar archive: a pax attribute is malformed")
    }
    const name = byteStringFrom(bytes.subarray(space + 1, equals))
    setPax(into, name, byteStringFrom(bytes.subarray(equals + 1, end - 1)))
    at = end
  }
}
function setPax(into: Extra, name: string, value: string): void {
  if (name.startsWith("GNU.sparse.")) throw archiveProblem("it has a sparse file: not supported")
  switch (name) {
    case "path":
      into.path = withoutNul(value)
      break
    case "linkpath":
      into.target = withoutNul(value)
      break
    case "size": {
      const size = Number(value)
      if (!/^[0-9]+$/.test(value) || !Number.isSafeInteger(size)) {
        throw archiveProblem("Damaged tar archive: a number in it is none")
      }
      into.size = size
    }
  }
}
/** Other attributes, such as those of SELinux, may well have one. */
function withoutNul(name: string): string {
  if (name.includes("\0")) throw archiveProblem("Damaged tar archive: a NUL byte in a name")
  return name
}
