import { bytesOf } from "@tvix-ts/bytes"
import type { Node } from "@tvix-ts/castore"
import type { Inode } from "./inodes.ts"
import { ERRNO, KIND, MAJOR, MINOR, NOTIFY_RETRIEVE, PAGE, READ_MAX, SIZE, type Errno } from "./protocol.ts"

/**
 * An answer. What it is made of may be memory that is used again: it is written before anything else is asked of whoever
 * gave it.
 */
export type Reply = { readonly errno: Errno } | { readonly pieces: readonly Uint8Array[] }

/** Done, and nothing to say. */
export const DONE: Reply = { pieces: [] }
export const FAILED: { readonly [E in keyof typeof ERRNO]: Reply } = Object.fromEntries(
  Object.entries(ERRNO).map(([name, errno]) => [name, { errno }]),
) as { readonly [E in keyof typeof ERRNO]: Reply }

/** The owner of everything there is. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** Seconds for which the kernel need not ask again. Longer than any machine runs: trees never change. */
export const FOREVER = 2 ** 31 - 1

/** As in every store of C++ Nix. */
const MTIME = 1

/** What is in front of every answer. @param length bytes of the pieces */
export function encodeHeader(into: DataView, unique: number, errno: number, length: number): void {
  into.setUint32(0, SIZE.outHeader + length, true)
  into.setInt32(4, -errno, true)
  setU64(into, 8, unique)
}

/** @param readahead, features as the kernel offered them and we want them */
export function encodeInit(readahead: number, features: number): Reply {
  const { bytes, view } = structure(SIZE.initOut)
  view.setUint32(0, MAJOR, true)
  view.setUint32(4, MINOR, true)
  view.setUint32(8, readahead, true)
  view.setUint32(12, features, true)
  // Requests that nobody waits for, such as reading ahead: at once, and when the kernel takes us for slow.
  view.setUint16(16, BACKGROUND_MAX, true)
  view.setUint16(18, (BACKGROUND_MAX / 4) * 3, true)
  // Bytes of a WRITE, of which there will be none; the kernel wants that there is room for some.
  view.setUint32(20, PAGE, true)
  // Nanoseconds between times that can be told apart.
  view.setUint32(24, 1_000_000_000, true)
  view.setUint16(28, READ_MAX / PAGE, true)
  return { pieces: [bytes] }
}
const BACKGROUND_MAX = 64

/** What LOOKUP finds. @param seconds how long the name stands for it */
export function encodeEntry(inode: Inode, owner: Owner, seconds: number): Reply {
  const { bytes, view } = structure(SIZE.entryOut)
  setEntry(view, 0, inode, owner, seconds)
  return { pieces: [bytes] }
}

/** That there is nothing of that name, for so many seconds. */
export function encodeNoEntry(seconds: number): Reply {
  const { bytes, view } = structure(SIZE.entryOut)
  setU64(view, 16, seconds)
  return { pieces: [bytes] }
}

export function encodeAttributes(inode: Inode, owner: Owner): Reply {
  const { bytes, view } = structure(SIZE.attrOut)
  setU64(view, 0, FOREVER)
  setAttributes(view, 16, inode, owner)
  return { pieces: [bytes] }
}

/** @param flags of `OPENED` */
export function encodeOpened(handle: number, flags: number): Reply {
  const { bytes, view } = structure(SIZE.openOut)
  setU64(view, 0, handle)
  view.setUint32(8, flags, true)
  return { pieces: [bytes] }
}

/** Nothing can be put here, and there is no telling how much is there. */
export function encodeStatfs(): Reply {
  const { bytes, view } = structure(SIZE.statfsOut)
  view.setUint32(40, PAGE, true)
  view.setUint32(44, NAME_LENGTH_MAX, true)
  view.setUint32(48, PAGE, true)
  return { pieces: [bytes] }
}
const NAME_LENGTH_MAX = 255

/** Entries for READDIRPLUS, as many as there is room for. */
export class EntryList {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private length = 0

  /** @param size bytes that there is room for */
  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Whether there is room for an entry of this name, a byte string. */
  fits(name: string): boolean {
    return this.length + sizeOfEntry(name) <= this.bytes.length
  }

  /**
   * The kernel takes it for looked up.
   *
   * @param offset what the kernel goes on from after this one
   */
  add(name: string, inode: Inode, offset: number, owner: Owner, seconds: number): void {
    setEntry(this.view, this.length, inode, owner, seconds)
    this.addName(name, inode, offset)
  }

  /** `.` and `..`, which the kernel knows. */
  addDots(name: "." | "..", inode: Inode, offset: number): void {
    this.addName(name, inode, offset)
  }

  reply(): Reply {
    return { pieces: [this.bytes.subarray(0, this.length)] }
  }

  private addName(name: string, inode: Inode, offset: number): void {
    const at = this.length + SIZE.entryOut
    setU64(this.view, at, inode.number)
    setU64(this.view, at + 8, offset)
    this.view.setUint32(at + 16, name.length, true)
    this.view.setUint32(at + 20, KIND[inode.node.type] >>> 12, true)
    this.bytes.set(bytesOf(name), at + SIZE.dirent)
    this.length += sizeOfEntry(name)
  }
}

/** Entries begin at multiples of eight. */
function sizeOfEntry(name: string): number {
  return SIZE.entryOut + ((SIZE.dirent + name.length + 7) & ~7)
}

function setEntry(view: DataView, at: number, inode: Inode, owner: Owner, seconds: number): void {
  setU64(view, at, inode.id)
  // Numbers are never given a second time, so that the generation stays 0.
  setU64(view, at + 16, seconds)
  setU64(view, at + 24, FOREVER)
  setAttributes(view, at + 40, inode, owner)
}

function setAttributes(view: DataView, at: number, inode: Inode, { uid, gid }: Owner): void {
  const size = sizeOf(inode.node)
  setU64(view, at, inode.number)
  setU64(view, at + 8, size)
  setU64(view, at + 16, Math.ceil(size / 512))
  for (const time of [24, 32, 40]) setU64(view, at + time, MTIME)
  view.setUint32(at + 60, modeOf(inode.node), true)
  // Of a directory it says that nobody has counted what is in it.
  view.setUint32(at + 64, 1, true)
  view.setUint32(at + 68, uid, true)
  view.setUint32(at + 72, gid, true)
  view.setUint32(at + 80, PAGE, true)
}

function sizeOf(node: Node): number {
  return node.type === "symlink" ? node.target.length : node.size
}

function modeOf(node: Node): number {
  switch (node.type) {
    case "directory":
      return KIND.directory | 0o555
    case "file":
      return KIND.file | (node.executable ? 0o555 : 0o444)
    case "symlink":
      return KIND.symlink | 0o777
  }
}

function structure(length: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(length)
  return { bytes, view: new DataView(bytes.buffer) }
}

function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true)
  view.setUint32(at + 4, value / 2 ** 32, true)
}

/** Makes the kernel send a request, which nobody answers: that it has nothing in memory of an empty file. @param id of it */
export function encodeWakeUp(id: number): Uint8Array {
  const { bytes, view } = structure(SIZE.outHeader + SIZE.retrieveOut)
  view.setUint32(0, bytes.length, true)
  view.setInt32(4, NOTIFY_RETRIEVE, true)
  setU64(view, SIZE.outHeader + 8, id)
  return bytes
}
