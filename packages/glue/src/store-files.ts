/** What is at a path at or below a store object that is in the castore. */
import type { Node } from "@tvix-ts/castore"
import { IoError, type Task } from "@tvix-ts/eval"
import { STORE_DIR } from "@tvix-ts/nix-compat"
import type { Ask } from "./at-once.ts"
import type { EvaluationStore } from "./store.ts"

/** Links in a row before a path leads nowhere. */
const LINKS_MAX = 1024
const PREFIX = `${STORE_DIR}/`

/** Whether `path` is at or below a store object. */
export function isBelowStore(path: string): boolean {
  return path.startsWith(PREFIX)
}

/** The store object that `path`, which is below the store directory, is in: `/nix/store/<digest>-<name>`. */
export function objectOf(path: string): string {
  const end = path.indexOf("/", PREFIX.length)
  return end < 0 ? path : path.slice(0, end)
}

export type Place =
  | { readonly kind: "node"; readonly path: string; readonly node: Node }
  /** Nothing is there, and the way to it leads through the castore. */
  | { readonly kind: "nothing"; readonly path: string }
  /** It is not the castore that knows. */
  | { readonly kind: "elsewhere"; readonly path: string }

/**
 * Where `path` leads.
 *
 * @param follow whether a link at its very end is followed, too
 */
export function* placeOf(ask: Ask, store: EvaluationStore, path: string, follow: boolean): Task<Place> {
  let at = path
  for (let links = 0; ;) {
    if (!isBelowStore(at)) return { kind: "elsewhere", path: at }
    const object = objectOf(at)
    const root = yield* ask(() => store.node(object))
    if (root === undefined) return { kind: "elsewhere", path: at }
    /** From the object on, what is passed. */
    const trail: { readonly path: string; readonly node: Node }[] = [{ path: object, node: root }]
    /** What is still to come, the next one last. */
    const names = at.slice(object.length).split("/").reverse()
    for (let here = trail.at(-1); here !== undefined; here = trail.at(-1)) {
      const name = names.pop()
      if (here.node.type === "symlink" && (name !== undefined || follow)) {
        if (++links > LINKS_MAX) throw new IoError(`infinite symlink recursion in path '${path}'`)
        if (name !== undefined) names.push(name)
        const { target } = here.node
        names.push(...target.split("/").reverse())
        if (target.startsWith("/")) trail.length = 0
        else trail.pop()
        continue
      }
      if (name === undefined) return { kind: "node", ...here }
      if (name === "" || name === ".") continue
      if (name === "..") {
        trail.pop()
        continue
      }
      const { node } = here
      const next = node.type === "directory" ? yield* ask(() => store.reader!.entry(node, name)) : undefined
      const nextPath = `${here.path}/${name}`
      if (next === undefined) return { kind: "nothing", path: [nextPath, ...names.reverse()].join("/") }
      trail.push({ path: nextPath, node: next })
    }
    // Out of the object: by an absolute link, or by way of the folder that it is in.
    names.reverse()
    at = names[0] === "" ? names.join("/") : [STORE_DIR, ...names].join("/")
  }
}

/** What the castore has at `path`, on the way to which there are no links. */
export function* nodeAt(ask: Ask, store: EvaluationStore, path: string): Task<Node | undefined> {
  if (store.reader === undefined || !isBelowStore(path) || store.origin(objectOf(path)) !== undefined) return undefined
  const place = yield* placeOf(ask, store, path, false)
  return place.kind === "node" ? place.node : undefined
}
