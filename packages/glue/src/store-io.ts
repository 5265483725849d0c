/** What evaluation sees of the world when there is a store: what it has added, what the store has, and the rest. */
import type { Node } from "@tvix-ts/castore"
import {
  AccessError,
  IoError,
  isPromise,
  type Awaitable,
  type DerivationOutputName,
  type EvalIO,
  type FileType,
  type OpenedFile,
  type Task,
} from "@tvix-ts/eval"
import { DERIVATION_SUFFIX } from "@tvix-ts/nix-compat"
import { atOnce, wait } from "./at-once.ts"
import { refuse } from "./problems.ts"
import { openedFile, openFile } from "./source-listing.ts"
import { addSource, sourceName } from "./source.ts"
import { isBelowStore, objectOf, placeOf } from "./store-files.ts"
import type { EvaluationStore } from "./store.ts"

/** Answers of one method, by where it turns out that a path leads. */
interface Answers<T> {
  /** Of a derivation or text. */
  readonly text: (contents: string, path: string) => T
  /** Of something in the castore. */
  readonly node: (node: Node, path: string) => Awaitable<T>
  readonly nothing: (path: string) => T
  readonly elsewhere: (path: string) => Awaitable<T>
  /** Whether a link is not what is asked about, but where it leads. */
  readonly follow: boolean
}

/** Makes outputs be in the store that an evaluation reads from. The result is where they are. */
export type RealiseOutputs = (outputs: readonly DerivationOutputName[]) => Promise<Iterable<string>>

/**
 * `io` with {@link EvalIO.copyToStore}, and with what is in the store: derivations and texts as `store` has them, copies
 * where they came from, then what the castore has. Only then `io` is asked.
 *
 * What the castore has and this evaluation did not add may be read if `io` lets it be read where it would be on disk.
 */
export function storeIo(io: EvalIO, store: EvaluationStore, realiseOutputs?: RealiseOutputs): EvalIO {
  const copies = new Map<string, string>()
  /** Objects in the castore that may be read. */
  const allowed = new Set<string>()

  /** Answers for `path`, which is below the store directory. */
  function* answer<T>(path: string, answers: Answers<T>): Task<T> {
    for (let at = path; ;) {
      const object = objectOf(at)
      const text = store.text(object)
      if (text !== undefined) return at === object ? answers.text(text, at) : answers.nothing(at)
      const origin = store.origin(object)
      if (origin !== undefined) return yield* answerAt(origin, object, at, answers)
      if (store.reader === undefined) return yield* wait(() => answers.elsewhere(at))
      if (!allowed.has(object)) {
        if (!store.hasAdded(object)) yield* wait(() => io.fileType(object))
        allowed.add(object)
      }
      const place = yield* placeOf(wait, store, at, answers.follow)
      if (place.kind === "node") return yield* wait(() => answers.node(place.node, place.path))
      if (place.kind === "nothing") return answers.nothing(place.path)
      // The castore does not have it; or a link there has led out of the object, where all begins anew.
      if (place.path === at || !isBelowStore(place.path)) return yield* wait(() => answers.elsewhere(place.path))
      at = place.path
    }
  }

  /** Answers for `path` in a store object that is read where it was copied from, at `origin`. */
  function* answerAt<T>(origin: string, object: string, path: string, answers: Answers<T>): Task<T> {
    try {
      return yield* wait(() => answers.elsewhere(origin + path.slice(object.length)))
    } catch (error) {
      if (!(error instanceof IoError) || error instanceof AccessError || origin === "/") throw error
      throw new IoError(error.message.replaceAll(origin, object), { cause: error })
    }
  }

  /** As {@link answer}, for a path that `io` has failed to find: links on disk may lead to what only the castore has. */
  function* answerWhereLinksLead<T>(path: string, answers: Answers<T>, otherwise: () => T): Task<T> {
    const slash = path.lastIndexOf("/")
    const name = answers.follow ? "" : path.slice(slash)
    const real = yield* wait(() => io.realPath(name === "" ? path : path.slice(0, slash) || "/"))
    return isBelowStore(real) ? yield* answer(real + name, answers) : otherwise()
  }

  function ask<T>(path: string, answers: Answers<T>, isFound: (answer: T) => boolean = () => true): Awaitable<T> {
    if (isBelowStore(path)) return atOnce(answer(path, answers))
    if (store.reader === undefined) return answers.elsewhere(path)
    const notFound = (otherwise: () => T): Awaitable<T> => atOnce(answerWhereLinksLead(path, answers, otherwise))
    const failed = (error: unknown): Awaitable<T> => {
      const rethrow = (): never => {
        throw error
      }
      return error instanceof IoError && !(error instanceof AccessError) ? notFound(rethrow) : rethrow()
    }
    const checked = (found: T): Awaitable<T> => (isFound(found) ? found : notFound(() => found))
    try {
      const found = answers.elsewhere(path)
      return isPromise(found) ? found.then(checked, failed) : checked(found)
    } catch (error) {
      return failed(error)
    }
  }

  const reading: Answers<string> = {
    text: (contents) => contents,
    node(node, path) {
      if (node.type === "file") return store.reader!.contents(node, path)
      throw new IoError("read of 4096 bytes: Is a directory")
    },
    nothing: isMissing,
    elsewhere: (path) => io.readFile(path),
    follow: true,
  }
  const opening: Answers<OpenedFile> = {
    text: (contents) => openedFile(contents, false),
    node: (node, path) =>
      now(reading.node(node, path), (contents) => openedFile(contents, node.type === "file" && node.executable)),
    nothing: isMissing,
    elsewhere: (path) => atOnce(openFile(wait, io, path)),
    follow: true,
  }
  const listing: Answers<Awaited<ReturnType<EvalIO["readDir"]>>> = {
    text: notDirectory,
    node(node, path) {
      if (node.type !== "directory") return notDirectory("", path)
      const entries = store.reader!.entries(node)
      return isPromise(entries) ? entries.then(withTypes) : withTypes(entries)
    },
    nothing: isMissing,
    elsewhere: (path) => io.readDir(path),
    follow: true,
  }
  const typing: Answers<FileType | undefined> = {
    text: () => "regular",
    node: typeOf,
    nothing: () => undefined,
    elsewhere: (path) => io.fileType(path),
    follow: false,
  }
  const following: Answers<string> = {
    text: (_, path) => path,
    node: (_, path) => path,
    nothing: (path) => path,
    elsewhere: (path) => io.realPath(path),
    follow: true,
  }
  const linking: Answers<string> = {
    text: notLink,
    node: (node, path) => (node.type === "symlink" ? node.target : notLink("", path)),
    nothing: isMissing,
    elsewhere: (path) => io.readLink!(path),
    follow: false,
  }
  const running: Answers<boolean> = {
    text: () => false,
    node: (node) => node.type === "file" && node.executable,
    nothing: isMissing,
    elsewhere: (path) => io.isExecutable!(path),
    follow: false,
  }
  /** Links on disk may lead to links in the castore. */
  const realPath = (path: string): Awaitable<string> => {
    const onwards = (real: string): Awaitable<string> =>
      real !== path && isBelowStore(real) && store.reader !== undefined ? atOnce(answer(real, following)) : real
    if (!isBelowStore(path)) return now(io.realPath(path), onwards)
    const object = objectOf(path)
    const origin = store.origin(object)
    // What is read where it was copied from is in the store all the same.
    const back = (real: string): string =>
      origin !== undefined && isAtOrBelow(real, origin) ? object + real.slice(origin.length) : real
    return now(now(atOnce(answer(path, following)), onwards), back)
  }
  const seen: EvalIO = {
    readFile: (path) => ask(path, reading),
    openFile: (path) => ask(path, opening),
    readDir: (path) => ask(path, listing),
    fileType: (path) => ask(path, typing, (type) => type !== undefined),
    realPath,
    getEnv: (name) => io.getEnv(name),
    currentTime: () => io.currentTime(),
    // The castore has links and executables, wherever the rest comes from.
    readLink: (path) => ask(path, io.readLink === undefined ? { ...linking, elsewhere: isMissing } : linking),
    isExecutable: (path) => ask(path, io.isExecutable === undefined ? { ...running, elsewhere: () => false } : running),
    stamp(path) {
      if (!isBelowStore(path)) return io.stamp?.(path)
      const object = objectOf(path)
      if (store.text(object) !== undefined) return undefined
      const origin = store.origin(object)
      return io.stamp?.(origin === undefined ? path : origin + path.slice(object.length))
    },
    forget() {
      copies.clear()
      store.forgetCopies()
      io.forget?.()
    },
    ...(store.writes && { ensureStorePath }),
    ...(realiseOutputs !== undefined && { realise }),
    copyToStore: (path) => copies.get(path) ?? atOnce(copy(path)),
    references(path) {
      // At once where it can be: programs read few files of the store, and all others through here too.
      const found = isBelowStore(path) ? store.references(objectOf(path)) : undefined
      return isPromise(found) ? found.then((references) => [...(references ?? [])]) : [...(found ?? [])]
    },
  }

  async function realise(outputs: readonly DerivationOutputName[]): Promise<void> {
    for (const path of await realiseOutputs!(outputs)) {
      store.admit(path)
      allowed.add(path)
    }
  }

  async function ensureStorePath(path: string): Promise<void> {
    if (await store.isValid(path)) return
    throw new IoError(`path '${path}' is required, but there is no substituter that can build it`)
  }

  function* copy(path: string): Task<string> {
    if (path.endsWith(DERIVATION_SUFFIX)) refuse(`file names are not allowed to end in '${DERIVATION_SUFFIX}'`)
    // Whoever may not see it is told so, rather than of the folder it is in.
    yield* wait(() => seen.fileType(path))
    // A link is copied as a link; one on the way to it is followed.
    const slash = path.lastIndexOf("/")
    const parent = yield* wait(() => realPath(path.slice(0, slash) || "/"))
    const real = path === "/" ? path : `${parent === "/" ? "" : parent}${path.slice(slash)}`
    const source = { real, name: sourceName(path), method: "nar", references: [] } as const
    const copied = yield* addSource(wait, seen, store, source)
    copies.set(path, copied)
    return copied
  }
  return seen
}

function now<T, R>(answer: Awaitable<T>, use: (answer: T) => Awaitable<R>): Awaitable<R> {
  return isPromise(answer) ? answer.then(use) : use(answer)
}

function isAtOrBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}

function withTypes(entries: readonly (readonly [name: string, node: Node])[]): (readonly [string, FileType])[] {
  return entries.map(([name, node]) => [name, typeOf(node)] as const)
}

function typeOf({ type }: Node): FileType {
  return type === "file" ? "regular" : type
}

// As nodeIo says it.
function isMissing(path: string): never {
  throw new IoError(`path '${path}' does not exist`)
}
function notDirectory(_: string, path: string): never {
  throw new IoError(`cannot read directory "${path}": Not a directory`)
}
function notLink(_: string, path: string): never {
  throw new IoError(`reading symbolic link '${path}': Invalid argument`)
}
