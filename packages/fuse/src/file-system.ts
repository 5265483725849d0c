import { bytesOf } from "@tvix-ts/bytes"
import {
  CastoreError,
  EMPTY_DIGEST,
  formatDigest,
  type BlobService,
  type Directory,
  type DirectoryService,
  type FileNode,
  type Node,
} from "@tvix-ts/castore"
import { FileContents, type ReadFile } from "./contents.ts"
import { Inodes, type Inode } from "./inodes.ts"
import { FuseError } from "./problem.ts"
import { FEATURE, MAJOR, MINOR_MIN, OPENED, READ_MAX, ROOT_ID, WAKE_UP_NAME } from "./protocol.ts"
import {
  DONE,
  encodeAttributes,
  encodeEntry,
  encodeInit,
  encodeNoEntry,
  encodeOpened,
  encodeStatfs,
  EntryList,
  FAILED,
  FOREVER,
  type Owner,
  type Reply,
} from "./reply.ts"
import type { Request, RequestBody } from "./request.ts"
import type { Root } from "./root.ts"

/** What is asked for takes a while: then it is told what the answer is, if somebody still wants it. */
export type Answer = Reply | undefined | Promise<() => Reply>

export interface FileSystemOptions {
  readonly owner: Owner
  /** Told of what keeps somebody from reading: they are told no more than that it could not be read. */
  readonly onProblem?: (error: unknown) => void
}

/** Seconds for which the names of the root stand for what they do: the store may get a path meanwhile. */
const ROOT_NO_ENTRY_SECONDS = 1
/** A listing of the root is good for whoever asks so many milliseconds later. */
const LISTING_MS = 1000
/** Entries of folders that are kept, together. */
const DIRECTORY_ENTRIES_MAX = 200_000
/** What is asked of every kernel; what one does not know is left out. */
const FEATURES = Object.values(FEATURE).reduce((all, one) => all | one, 0)
/** Bytes that kernels may read ahead. They have limits of their own, in /sys/class/bdi. */
const READAHEAD = READ_MAX

const EMPTY_FILE: FileNode = { type: "file", digest: EMPTY_DIGEST, size: 0, executable: false }

type Entries = Directory["entries"]

/** Trees of a castore, as the kernel asks for them. Each answer is for the next moment: see `Reply`. */
export class FileSystem {
  private readonly root: Root
  private readonly directories: DirectoryService
  private readonly contents: FileContents
  private readonly inodes = new Inodes({ type: "directory", digest: EMPTY_DIGEST, size: 0 })
  private readonly owner: Owner
  private readonly onProblem: (error: unknown) => void
  /** Folders whose entries are at hand; the one that was used last is the last. */
  private readonly loaded = new Set<Inode>()
  private loadedEntries = 0
  private readonly loading = new Map<Inode, Promise<Directory>>()
  /** What those who read the root are told, by their handles. */
  private readonly listings = new Map<number, Promise<Entries>>()
  private lastListing: { readonly entries: Promise<Entries>; readonly madeAt: number } | undefined
  private lastHandle = 0
  private wakeUp: Inode | undefined

  constructor(root: Root, blobs: BlobService, directories: DirectoryService, options: FileSystemOptions) {
    this.root = root
    this.directories = directories
    this.contents = new FileContents(blobs)
    this.owner = options.owner
    this.onProblem = options.onProblem ?? (() => undefined)
  }

  /** How many files and folders the kernel knows. */
  get size(): number {
    return this.inodes.size
  }

  /** An empty file that the kernel knows, if there is one: see `encodeWakeUp`. */
  get wakeUpId(): number | undefined {
    return this.wakeUp && this.inodes.get(this.wakeUp.id)?.id
  }

  /** Whether something is done that no answer waits for. */
  get isBusy(): boolean {
    return this.contents.isReadingAhead
  }

  /**
   * `undefined` if it is not to be answered. The promise never fails.
   *
   * @throws {FuseError} `protocol` if the kernel is too old
   */
  answer({ id, body }: Request): Answer {
    switch (body.op) {
      case "init":
        return answerInit(body)
      case "forget":
        for (const [one, count] of body.counts) this.forget(one, count)
        return undefined
      case "interrupt":
      case "notify-reply":
        return undefined
      case "destroy":
        return DONE
      case "statfs":
        return encodeStatfs()
      case "change":
        return FAILED.EROFS
      case "unknown":
        return FAILED.ENOSYS
      case "getattr":
      case "readlink":
      case "read":
      case "lookup":
      case "opendir":
      case "readdirplus":
      case "releasedir":
        return this.answerOf(id, body)
    }
  }

  /** Ends what is open. */
  close(): void {
    this.contents.close()
  }

  private answerOf(id: number, body: RequestBodyOfFile): Answer {
    const inode = this.inodes.get(id)
    // The kernel has forgotten the file and goes on using it.
    if (inode === undefined) return FAILED.EINVAL
    try {
      return this.answerAbout(inode, body)
    } catch (error) {
      return this.failed(error)
    }
  }

  private answerAbout(inode: Inode, body: RequestBodyOfFile): Answer {
    switch (body.op) {
      case "getattr":
        return encodeAttributes(inode, this.owner)
      case "readlink":
        return inode.node.type === "symlink" ? { pieces: [bytesOf(inode.node.target)] } : FAILED.EINVAL
      case "read":
        return inode.node.type === "file" ? this.read(inode as Inode & ReadFile, body) : FAILED.EINVAL
      case "lookup":
        return this.lookUp(inode, body.name)
      case "opendir":
        return this.openDirectory(inode)
      case "readdirplus":
        return this.readDirectory(inode, body)
      case "releasedir":
        this.listings.delete(body.handle)
        return DONE
    }
  }

  private read(file: Inode & ReadFile, { offset, size }: { readonly offset: number; readonly size: number }): Answer {
    const to = Math.min(offset + Math.min(size, READ_MAX), file.node.size)
    if (offset >= to) return DONE
    const pieces = this.contents.read(file, offset, to)
    return pieces instanceof Promise ? this.later(pieces, (all) => ({ pieces: all })) : { pieces }
  }

  private lookUp(parent: Inode, name: string): Answer {
    if (parent === this.inodes.root) {
      if (name === WAKE_UP_NAME) {
        this.wakeUp = this.inodes.lookUp(parent, name, EMPTY_FILE)
        return encodeEntry(this.wakeUp, this.owner, FOREVER)
      }
      return this.later(this.root.lookUp(name), (node) => this.entry(parent, name, node, ROOT_NO_ENTRY_SECONDS))
    }
    return this.withDirectory(parent, (directory) => this.entry(parent, name, find(directory, name), FOREVER))
  }

  private entry(parent: Inode, name: string, node: Node | undefined, noEntrySeconds: number): Reply {
    if (node === undefined) return encodeNoEntry(noEntrySeconds)
    return encodeEntry(this.inodes.lookUp(parent, name, node), this.owner, FOREVER)
  }

  private openDirectory(inode: Inode): Answer {
    // What is in the root changes.
    if (inode.id === ROOT_ID) return encodeOpened(++this.lastHandle, 0)
    if (inode.node.type !== "directory") return FAILED.ENOTDIR
    return encodeOpened(0, OPENED.keepCache | OPENED.cacheDirectory)
  }

  private readDirectory(inode: Inode, request: ReadDirectory): Answer {
    if (inode.id !== ROOT_ID) {
      return this.withDirectory(inode, ({ entries }) => this.entries(inode, entries, request))
    }
    return this.later(this.listing(request), (entries) => this.entries(inode, entries, request))
  }

  /** What was there when somebody began to read the root: the rest of it is of the same moment. */
  private listing({ handle, offset }: ReadDirectory): Promise<Entries> {
    const known = this.listings.get(handle)
    if (known !== undefined && offset > 0) return known
    const now = performance.now()
    if (this.lastListing === undefined || now - this.lastListing.madeAt > LISTING_MS) {
      this.lastListing = { entries: listed(this.root), madeAt: now }
    }
    const { entries } = this.lastListing
    this.listings.set(handle, entries)
    return entries
  }

  /** Offsets are 1 and 2 for the dots, and go on from 3. */
  private entries(inode: Inode, entries: Entries, { offset, size }: ReadDirectory): Reply {
    const list = new EntryList(Math.min(size, READ_MAX))
    for (let at = offset; at < entries.length + DOTS.length && Number.isSafeInteger(at); at++) {
      const dots = DOTS[at]
      const [name, node] = dots === undefined ? entries[at - DOTS.length]! : [dots]
      if (!list.fits(name)) break
      if (dots !== undefined) list.addDots(dots, dots === ".." ? (inode.parent ?? inode) : inode, at + 1)
      else list.add(name, this.inodes.lookUp(inode, name, node!), at + 1, this.owner, FOREVER)
    }
    return list.reply()
  }

  private withDirectory(inode: Inode, reply: (directory: Directory) => Reply): Answer {
    if (inode.node.type !== "directory") return FAILED.ENOTDIR
    if (inode.directory === undefined) return this.later(this.load(inode), reply)
    this.loaded.delete(inode)
    this.loaded.add(inode)
    return reply(inode.directory)
  }

  private load(inode: Inode): Promise<Directory> {
    let loading = this.loading.get(inode)
    if (loading === undefined) {
      loading = this.fetch(inode).finally(() => this.loading.delete(inode))
      this.loading.set(inode, loading)
    }
    return loading
  }

  private async fetch(inode: Inode): Promise<Directory> {
    const { digest } = inode.node as Node & { type: "directory" }
    const directory = await this.directories.get(digest)
    if (directory === undefined) throw new CastoreError({ code: "missing", what: `directory ${formatDigest(digest)}` })
    inode.directory = directory
    this.loaded.add(inode)
    this.loadedEntries += directory.entries.length
    for (const oldest of this.loaded) {
      if (this.loadedEntries <= DIRECTORY_ENTRIES_MAX || oldest === inode) break
      this.unload(oldest)
    }
    return directory
  }

  private unload(inode: Inode): void {
    if (!this.loaded.delete(inode)) return
    this.loadedEntries -= inode.directory!.entries.length
    inode.directory = undefined
  }

  private forget(id: number, count: number): void {
    const inode = this.inodes.get(id)
    this.inodes.forget(id, count)
    if (inode !== undefined && this.inodes.get(id) === undefined) this.unload(inode)
  }

  private async later<T>(result: Promise<T>, reply: (result: T) => Reply): Promise<() => Reply> {
    try {
      const value = await result
      return () => reply(value)
    } catch (error) {
      const failed = this.failed(error)
      return () => failed
    }
  }

  private failed(error: unknown): Reply {
    this.onProblem(error)
    return FAILED.EIO
  }
}

const DOTS = [".", ".."] as const

type RequestBodyOfFile = Exclude<
  RequestBody,
  { readonly op: "init" | "forget" | "interrupt" | "notify-reply" | "destroy" | "statfs" | "change" | "unknown" }
>
type ReadDirectory = RequestBody & { readonly op: "readdirplus" }

function answerInit({ major, minor, readahead, flags }: RequestBody & { readonly op: "init" }): Reply {
  if (major < MAJOR || (major === MAJOR && minor < MINOR_MIN)) {
    const reason = `it speaks version ${major}.${minor}; ${MAJOR}.${MINOR_MIN} is the first that will do`
    throw new FuseError({ code: "protocol", reason })
  }
  // A newer one says it again, in our version.
  return encodeInit(Math.min(readahead, READAHEAD), flags & FEATURES)
}

async function listed(root: Root): Promise<Entries> {
  const entries: (readonly [string, Node])[] = []
  for await (const entry of root.list()) entries.push(entry)
  return entries
}

/** Entries are in the order of the bytes of their names. */
function find({ entries }: Directory, name: string): Node | undefined {
  let [from, to] = [0, entries.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (entries[middle]![0] < name) from = middle + 1
    else to = middle
  }
  const entry = entries[from]
  return entry?.[0] === name ? entry[1] : undefined
}
