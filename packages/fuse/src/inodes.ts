import { digestKey, type Directory, type FileNode, type Node } from "@tvix-ts/castore"
import { ROOT_ID } from "./protocol.ts"

/** A file, a folder or a link that the kernel knows, or is told of. */
export interface Inode {
  /** What the kernel calls it by. Never given a second time. */
  readonly id: number
  /** What programs see as `st_ino`: the same whenever it is looked up, and nearly always another for another file. */
  readonly number: number
  readonly node: Node
  /** The folder that it is in; files may be in many. */
  readonly parent: Inode | undefined
  /** What it is found again by: among what is in its parent; files wherever they are. */
  readonly key: string
  /** How often the kernel was told of it and has not forgotten that. */
  lookups: number
  /** Of a folder: what the kernel knows of what is in it, by name. Files are not among it. */
  children: Map<string, Inode> | undefined
  /** Of a folder that was asked for lately. */
  directory: Directory | undefined
  /** Of a file: where the last read ended. */
  readTo: number
}

/**
 * What the kernel knows. It says itself what it has forgotten, so this is as large as what it remembers.
 *
 * Files with the same contents are one, so that the kernel has these in memory once. Folders are not, even if all that is in
 * them is: each has its own parent.
 */
export class Inodes {
  readonly root: Inode
  private readonly byId = new Map<number, Inode>()
  private readonly files = new Map<string, Inode>()
  private lastId = ROOT_ID

  /** @param root the folder that is mounted */
  constructor(root: Node) {
    this.root = inodeOf(ROOT_ID, ROOT_ID, root, undefined, "")
    this.byId.set(ROOT_ID, this.root)
  }

  get(id: number): Inode | undefined {
    return this.byId.get(id)
  }

  /** How many there are. */
  get size(): number {
    return this.byId.size
  }

  /** What is called `name` in `parent`. The kernel is about to be told of it: that counts. */
  lookUp(parent: Inode, name: string, node: Node): Inode {
    const shelf = node.type === "file" ? this.files : (parent.children ??= new Map<string, Inode>())
    const key = node.type === "file" ? fileKey(node) : name
    let inode = shelf.get(key)
    // A store may say of a path that it is another tree now.
    if (inode === undefined || !isSame(inode.node, node)) {
      const number = numberOf(parent, name, node)
      inode = inodeOf(++this.lastId, number, node, node.type === "file" ? undefined : parent, key)
      shelf.set(key, inode)
      this.byId.set(inode.id, inode)
    }
    inode.lookups++
    return inode
  }

  /** The kernel forgets that it was told of it so many times. */
  forget(id: number, count: number): void {
    const inode = this.byId.get(id)
    if (inode === undefined || inode === this.root) return
    inode.lookups -= count
    if (inode.lookups > 0) return
    this.byId.delete(id)
    const shelf = inode.node.type === "file" ? this.files : inode.parent?.children
    if (shelf?.get(inode.key) === inode) shelf.delete(inode.key)
  }
}

function inodeOf(id: number, number: number, node: Node, parent: Inode | undefined, key: string): Inode {
  return { id, number, node, parent, key, lookups: 0, children: undefined, directory: undefined, readTo: 0 }
}

/** The size, too: a directory may be wrong about it. */
function fileKey({ digest, size, executable }: FileNode): string {
  return `${digestKey(digest)}${executable ? "x" : "-"}${size}`
}

function isSame(a: Node, b: Node): boolean {
  if (a.type === "symlink") return b.type === "symlink" && a.target === b.target
  return a.type === b.type && digestKey(a.digest) === digestKey(b.digest)
}

/** 53 bits: of a file those of its contents, of others those of the way to them. */
function numberOf(parent: Inode, name: string, node: Node): number {
  if (node.type === "file") {
    const view = new DataView(node.digest.buffer, node.digest.byteOffset)
    return numberFrom(view.getUint32(0), view.getUint32(4))
  }
  // FNV-1a, twice.
  let [low, high] = [parent.number | 0, Math.floor(parent.number / 2 ** 32) ^ 0x811c9dc5]
  for (let i = 0; i < name.length; i++) {
    low = Math.imul(low ^ name.charCodeAt(i), 0x01000193)
    high = Math.imul(high ^ name.charCodeAt(i), 0x01000193) ^ (low >>> 13)
  }
  return numberFrom(low >>> 0, high >>> 0)
}

/** None is 0, which says to some programs that there is no file, or that of the root. */
function numberFrom(low: number, high: number): number {
  const number = (high & 0x1fffff) * 2 ** 32 + low
  return number > ROOT_ID ? number : ROOT_ID + 1
}
