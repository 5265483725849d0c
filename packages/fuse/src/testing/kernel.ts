/** The other side: requests as Linux writes them, and what it reads in the answers. */
import { byteStringFrom, bytesOf, concat } from "@tvix-ts/bytes"
import type { FileSystem } from "../file-system.ts"
import { OPCODE, SIZE } from "../protocol.ts"
import { decodeRequest } from "../request.ts"

/** The bytes of a request. */
export function encodeRequest(opcode: number, unique: number, id: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(parts)
  const bytes = new Uint8Array(SIZE.inHeader + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length, true)
  view.setUint32(4, opcode, true)
  setU64(view, 8, unique)
  setU64(view, 16, id)
  bytes.set(body, SIZE.inHeader)
  return bytes
}

/** Integers of 4 bytes, little-endian. */
export function u32(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length))
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true)
  return new Uint8Array(view.buffer)
}
/** Integers of 8 bytes. */
export function u64(...values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * values.length))
  for (const [i, value] of values.entries()) setU64(view, 8 * i, value)
  return new Uint8Array(view.buffer)
}
/** A byte string and the NUL after it. */
export function name(text: string): Uint8Array {
  return concat([bytesOf(text), Uint8Array.of(0)])
}

export interface Entry {
  readonly id: number
  readonly number: number
  readonly size: number
  /** Octal, as `ls` has it in mind: `100444`. */
  readonly mode: string
  readonly mtime: number
  /** Seconds. */
  readonly entryValid: number
}

/** A kernel that remembers nothing. Answers of an error are its number. */
export class Kernel {
  private readonly fileSystem: FileSystem
  private unique = 0

  constructor(fileSystem: FileSystem) {
    this.fileSystem = fileSystem
  }

  async ask(opcode: number, id: number, ...parts: readonly Uint8Array[]): Promise<Uint8Array | number | undefined> {
    this.unique += 2
    const answer = this.fileSystem.answer(decodeRequest(encodeRequest(opcode, this.unique, id, ...parts)))
    const reply = answer instanceof Promise ? (await answer)() : answer
    if (reply === undefined) return undefined
    return "errno" in reply ? reply.errno : concat(reply.pieces)
  }

  async lookUp(parent: number, text: string): Promise<Entry | number> {
    const reply = await this.ask(OPCODE.lookup, parent, name(text))
    return reply instanceof Uint8Array ? entryAt(viewOf(reply), 0) : reply!
  }

  async read(id: number, offset: number, size: number): Promise<Uint8Array | number> {
    return (await this.ask(OPCODE.read, id, u64(0, offset), u32(size, 0), u64(0), u32(0, 0)))!
  }

  async forget(...counts: readonly (readonly [id: number, count: number])[]): Promise<void> {
    await this.ask(OPCODE.batchForget, 0, u32(counts.length, 0), ...counts.map(([id, count]) => u64(id, count)))
  }

  /** Everything in a folder but the dots, by names, `size` bytes at a time. Each is looked up, too. */
  async list(id: number, size: number): Promise<Map<string, Entry> | number> {
    const opened = await this.ask(OPCODE.opendir, id, u32(0, 0))
    if (!(opened instanceof Uint8Array)) return opened!
    const handle = viewOf(opened).getUint32(0, true)
    const found = new Map<string, Entry>()
    for (let offset = 0; ;) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const reply = await this.ask(OPCODE.readdirplus, id, u64(handle, offset), u32(size, 0), u64(0), u32(0, 0))
      if (!(reply instanceof Uint8Array)) return reply!
      if (reply.length === 0) break
      const view = viewOf(reply)
      for (let at = 0; at < reply.length;) {
        const dirent = at + SIZE.entryOut
        const length = view.getUint32(dirent + 16, true)
        const text = byteStringFrom(reply.subarray(dirent + SIZE.dirent, dirent + SIZE.dirent + length))
        offset = view.getUint32(dirent + 8, true)
        if (text !== "." && text !== "..") found.set(text, entryAt(view, at))
        at = dirent + ((SIZE.dirent + length + 7) & ~7)
      }
    }
    await this.ask(OPCODE.releasedir, id, u64(handle), u32(0, 0), u64(0))
    return found
  }
}

function entryAt(view: DataView, at: number): Entry {
  const attr = at + 40
  return {
    id: getU64(view, at),
    entryValid: getU64(view, at + 16),
    number: getU64(view, attr),
    size: getU64(view, attr + 8),
    mtime: getU64(view, attr + 32),
    mode: view.getUint32(attr + 60, true).toString(8),
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
function getU64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true))
}
function setU64(view: DataView, at: number, value: number): void {
  view.setBigUint64(at, BigInt(value), true)
}
