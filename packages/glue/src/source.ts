/** File trees that evaluation adds to the store: read through EvalIO, hashed, and so given a path. */
import { bytesOf } from "@tvix-ts/bytes"
import type { Awaitable, EvalIO, FileType, Task } from "@tvix-ts/eval"
import { hash, startHash, type Hash } from "@tvix-ts/hash"
import { DERIVATION_SUFFIX, fixedOutputPath, NarWriter, STORE_DIR } from "@tvix-ts/nix-compat"
import { checked, refuse } from "./problems.ts"
import type { EvaluationStore } from "./store.ts"

/** How to ask EvalIO: as a task of the evaluation, or outside of it. */
export type Ask = <T>(question: () => Awaitable<T>) => Task<T>

/** Whether a file is part of what is added. */
export type Filter = (path: string, type: FileType) => Task<boolean>

interface OpenDirectory {
  /** Ends in a slash. */
  readonly prefix: string
  readonly entries: readonly (readonly [name: string, type: FileType])[]
  next: number
}

/** The SHA-256 of the archive of what is at `path`, itself no longer a link. */
export function* narHash(ask: Ask, io: EvalIO, path: string, filter?: Filter): Task<Hash> {
  const hasher = startHash("sha256")
  const nar = new NarWriter((bytes) => void hasher.update(bytes))
  const open: OpenDirectory[] = []
  let node = path
  let type = yield* ask(() => io.fileType(path))
  for (;;) {
    switch (type) {
      case "regular": {
        const executable = io.isExecutable === undefined ? false : yield* ask(() => io.isExecutable!(node))
        const contents = bytesOf(yield* ask(() => io.readFile(node)))
        nar.file(contents.length, executable)
        void nar.contents(contents)
        break
      }
      case "symlink":
        nar.symlink(yield* ask(() => io.readLink!(node)))
        break
      case "directory": {
        const entries = [...(yield* ask(() => io.readDir(node)))].sort(([a], [b]) => (a < b ? -1 : 1))
        nar.directory()
        open.push({ prefix: node === "/" ? "/" : `${node}/`, entries, next: 0 })
        break
      }
      case "unknown":
        return refuse(`file '${node}' has an unsupported type`)
      case undefined:
        return refuse(`path '${node}' does not exist`)
    }
    // On to the next entry that is wanted, closing directories that have none.
    let wanted = false
    while (!wanted) {
      const directory = open.at(-1)
      if (directory === undefined) return { algorithm: "sha256", digest: hasher.digest() }
      const entry = directory.entries[directory.next++]
      if (entry === undefined) {
        open.pop()
        nar.endDirectory()
        continue
      }
      const [name, typeInDirectory] = entry
      node = directory.prefix + name
      type = typeInDirectory
      wanted = filter === undefined || (yield* filter(node, type))
      if (wanted) nar.entry(name)
    }
  }
}

/** The SHA-256 of the file at `path`. */
export function* fileHash(ask: Ask, io: EvalIO, path: string): Task<Hash> {
  return { algorithm: "sha256", digest: hash("sha256", bytesOf(yield* ask(() => io.readFile(path)))) }
}

function* wait<T>(question: () => Awaitable<T>): Task<T> {
  const answer = question()
  return isPromise(answer) ? ((yield answer) as T) : answer
}
function isPromise<T>(answer: Awaitable<T>): answer is PromiseLike<T> {
  return typeof answer === "object" && answer !== null && "then" in answer
}

/**
 * `io` with a {@link EvalIO.copyToStore} that finds out where a copy would be, once for each path. What is in the store so
 * far can be read there: texts as `store` has them, copies where they came from.
 */
export function storeIo(io: EvalIO, store: EvaluationStore): EvalIO {
  const copies = new Map<string, string>()
  const originals = new Map<string, string>()
  /** The same place in the tree that the store object was copied from. */
  const original = (path: string): string => {
    if (!path.startsWith(`${STORE_DIR}/`)) return path
    const end = path.indexOf("/", STORE_DIR.length + 1)
    const object = end < 0 ? path : path.slice(0, end)
    const source = originals.get(object)
    return source === undefined ? path : source + path.slice(object.length)
  }
  /** Asks `store` first, where `path` could be a text of it. */
  const orText = <T>(path: string, ofText: (contents: string) => T, otherwise: () => Awaitable<T>): Awaitable<T> => {
    if (!path.startsWith(`${STORE_DIR}/`)) return otherwise()
    const text = store.text(path)
    return text === undefined ? otherwise() : ofText(text)
  }
  const seen: EvalIO = {
    readFile: (path) =>
      orText(
        path,
        (contents) => contents,
        () => io.readFile(original(path)),
      ),
    readDir: (path) => io.readDir(original(path)),
    fileType: (path) =>
      orText<FileType | undefined>(
        path,
        () => "regular",
        () => io.fileType(original(path)),
      ),
    realPath: (path) =>
      orText(
        path,
        () => path,
        () => io.realPath(original(path)),
      ),
    getEnv: (name) => io.getEnv(name),
    currentTime: () => io.currentTime(),
    ...("readLink" in io && { readLink: (path) => io.readLink!(original(path)) }),
    ...("isExecutable" in io && {
      isExecutable: (path) =>
        orText(
          path,
          () => false,
          () => io.isExecutable!(original(path)),
        ),
    }),
    forget() {
      copies.clear()
      io.forget?.()
    },
    copyToStore(path) {
      const known = copies.get(path)
      return known ?? run(copy(seen, path, copies, originals))
    },
  }
  return seen
}

function* copy(io: EvalIO, path: string, copies: Map<string, string>, originals: Map<string, string>): Task<string> {
  if (path.endsWith(DERIVATION_SUFFIX)) refuse(`file names are not allowed to end in '${DERIVATION_SUFFIX}'`)
  // A link is copied as a link; one on the way to it is followed.
  const slash = path.lastIndexOf("/")
  const parent = yield* wait(() => io.realPath(path.slice(0, slash) || "/"))
  const real = path === "/" ? path : `${parent === "/" ? "" : parent}${path.slice(slash)}`
  const digest = yield* narHash(wait, io, real)
  const copied = checked(() => fixedOutputPath(sourceName(path), "nar", digest))
  copies.set(path, copied)
  originals.set(copied, real)
  return copied
}

/** What a copy of `path` is called. */
export function sourceName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1) || "source"
}

/** Takes `steps` at once as far as there is nothing to wait for. */
function run<T>(steps: Task<T>): Awaitable<T> {
  const { done, value } = steps.next()
  return done === true ? value : finish(steps, value)
}
async function finish<T>(steps: Task<T>, first: unknown): Promise<T> {
  for (let step: IteratorResult<unknown, T> = { done: false, value: first }; ;) {
    if (step.done === true) return step.value
    let answer: unknown
    try {
      answer = await step.value
    } catch (error) {
      step = steps.throw(error)
      continue
    }
    step = steps.next(answer)
  }
}
