/** The files of a tree by their paths: in memory without their contents, in the order of a Nix archive when it is walked. */
export type Step<L> =
  | { readonly type: "directory" }
  | { readonly type: "end" }
  | { readonly type: "entry"; readonly name: string }
  | { readonly type: "leaf"; readonly leaf: L }

export class Listing<L extends object> {
  private readonly entries = new Map<string, L | Listing<L>>()

  /** Puts something at a path, in place of what was there. What is on the way becomes a directory. */
  set(path: string, what: L | Listing<L>): void {
    const names = path.split("/")
    const last = names.pop()!
    this.directory(names).entries.set(last, what)
  }

  private directory(names: readonly string[]): Listing<L> {
    let directory: Listing<L> = this
    for (const name of names) {
      let next = directory.entries.get(name)
      if (!(next instanceof Listing)) directory.entries.set(name, (next = new Listing<L>()))
      directory = next
    }
    return directory
  }

  *walk(): Generator<Step<L>, void> {
    const stack: { readonly listing: Listing<L>; readonly names: string[] }[] = []
    const enter = (listing: Listing<L>): void => {
      stack.push({ listing, names: [...listing.entries.keys()].sort().reverse() })
    }
    yield { type: "directory" }
    enter(this)
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const name = top.names.pop()
      if (name === undefined) {
        stack.pop()
        yield { type: "end" }
        continue
      }
      yield { type: "entry", name }
      const next = top.listing.entries.get(name)!
      if (next instanceof Listing) {
        yield { type: "directory" }
        enter(next)
      } else yield { type: "leaf", leaf: next }
    }
  }
}

/** The directories on the way to `paths`. */
export function directoriesOf(paths: Iterable<string>): ReadonlySet<string> {
  const directories = new Set<string>()
  for (const path of paths) {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const directory = path.slice(0, slash)
      if (directories.has(directory)) break
      directories.add(directory)
    }
  }
  return directories
}
