/**
 * `builtin:buildenv`, what profiles are built with: one tree of links to everything that is in some packages
 * (libstore/builtins/buildenv.cc). All paths are byte strings.
 */
import { scanTree } from "@tvix-ts/build"
import { bytesOf } from "@tvix-ts/bytes"
import { TreeBuilder } from "@tvix-ts/castore"
import { InputFiles, type Found } from "./input-files.ts"
import { RealiseError } from "./problem.ts"
import type { BuiltinBuilder } from "./realise.ts"

interface Package {
  readonly path: string
  readonly active: boolean
  readonly priority: number
}

interface Folder {
  readonly kind: "folder"
  /** Where it will be. */
  readonly path: string
  readonly entries: Map<string, Folder | Link>
}
interface Link {
  readonly kind: "link"
  readonly target: string
  /** The lower goes before the higher. */
  readonly priority: number
}

/** Of each package, of no use in a profile, and in everybody's way. */
const LEFT_OUT = [
  "/propagated-build-inputs",
  "/nix-support",
  "/perllocal.pod",
  "/info/dir",
  "/log",
  "/manifest.nix",
  "/manifest.json",
]
/** What packages bring along comes after all that were asked for. */
const PRIORITY_OF_PROPAGATED = 1000

export const builtinBuildenv: BuiltinBuilder = async (derivation, request, { store, path, out, signal, onLog }) => {
  const refuse = (reason: string): never => {
    throw new RealiseError({ code: "unsupported", derivation: path, reason })
  }
  const attribute = (name: string): string => derivation.env.get(name) ?? refuse(`attribute '${name}' missing`)
  const packages = parsePackages(attribute("derivations")) ?? refuse("attribute 'derivations' is not well-formed")
  const manifest = attribute("manifest")
  const files = new InputFiles(request, store, signal, refuse)
  const profile = new Profile(out, files, refuse, (text) => onLog(bytesOf(`warning: ${text}\n`)))
  await profile.addAll(packages)
  profile.root.entries.set("manifest.nix", { kind: "link", target: manifest, priority: 0 })
  const builder = new TreeBuilder(store, { signal })
  try {
    tell(profile.root, builder)
    const node = await builder.finish()
    return { node, needles: await scanTree(node, request.needles, store, { signal }) }
  } catch (error) {
    await builder.abort()
    throw error
  }
}

/** For each package: whether it is active, its priority, how many paths it has, and these. */
function parsePackages(text: string): Package[] | undefined {
  const words = text.split(/[ \t\n\r]+/).filter((word) => word !== "")
  const packages: Package[] = []
  for (let at = 0; at < words.length;) {
    const [active, priority, count] = words.slice(at, at + 3)
    if (!/^-?[0-9]{1,9}$/.test(priority ?? "") || !/^[0-9]{1,6}$/.test(count ?? "")) return undefined
    at += 3
    const paths = words.slice(at, at + Number(count))
    if (paths.length < Number(count)) return undefined
    at += paths.length
    for (const path of paths) packages.push({ path, active: active !== "false", priority: Number(priority) })
  }
  return packages
}

class Profile {
  readonly root: Folder
  readonly #files: InputFiles
  readonly #refuse: (reason: string) => never
  readonly #warn: (text: string) => void
  readonly #done = new Set<string>()
  #postponed = new Set<string>()

  constructor(path: string, files: InputFiles, refuse: (reason: string) => never, warn: (text: string) => void) {
    this.root = { kind: "folder", path, entries: new Map() }
    this.#files = files
    this.#refuse = refuse
    this.#warn = warn
  }

  async addAll(packages: readonly Package[]): Promise<void> {
    const sorted = packages
      .filter(({ active }) => active)
      .sort((a, b) => a.priority - b.priority || (a.path < b.path ? -1 : 1))
    for (const { path, priority } of sorted) await this.#add(path, priority)
    let priority = PRIORITY_OF_PROPAGATED
    while (this.#postponed.size > 0) {
      const next = [...this.#postponed].sort()
      this.#postponed = new Set()
      for (const path of next) await this.#add(path, priority++)
    }
  }

  async #add(path: string, priority: number): Promise<void> {
    if (this.#done.has(path)) return
    this.#done.add(path)
    await this.#link(path, this.root, priority)
    const propagated = (await this.#files.read(`${path}/nix-support/propagated-user-env-packages`)) ?? ""
    for (const other of propagated.split(/[ \n]+/))
      if (other !== "" && !this.#done.has(other)) this.#postponed.add(other)
  }

  /** Links everything in the folder `source` from `folder`: whole folders, unless another package has one of that name. */
  async #link(source: string, folder: Folder, priority: number): Promise<void> {
    const found = await this.#files.find(source)
    if (found === undefined) this.#refuse(`reading directory "${source}": No such file or directory`)
    if (!isFolder(found)) {
      this.#warn(`not including "${source}" in the user environment because it's not a directory`)
      return
    }
    for (const name of await this.#files.entries(found.node)) {
      if (name.startsWith(".")) continue
      const from = `${source}/${name}`
      const inside = await this.#files.find(from)
      if (inside === undefined) {
        this.#warn(`skipping dangling symlink '${folder.path}/${name}'`)
        continue
      }
      if (LEFT_OUT.some((ending) => from.endsWith(ending))) continue
      const there = folder.entries.get(name)
      if (there === undefined) folder.entries.set(name, { kind: "link", target: from, priority })
      else if (isFolder(inside)) await this.#merge(from, folder, name, there, priority)
      else this.#replace(from, folder, name, there, priority)
    }
  }

  async #merge(from: string, folder: Folder, name: string, there: Folder | Link, priority: number): Promise<void> {
    if (there.kind === "folder") return this.#link(from, there, priority)
    // It was there when it was linked to. What is in it is linked to where it is, not where it was found.
    const before = (await this.#files.find(there.target))!
    if (!isFolder(before)) this.#refuse(`collision between "${from}" and non-directory "${before.path}"`)
    const both: Folder = { kind: "folder", path: `${folder.path}/${name}`, entries: new Map() }
    folder.entries.set(name, both)
    await this.#link(before.path, both, there.priority)
    await this.#link(from, both, priority)
  }

  #replace(from: string, folder: Folder, name: string, there: Folder | Link, priority: number): void {
    if (there.kind === "folder") {
      this.#refuse(`collision between non-directory '${from}' and directory '${there.path}'`)
    }
    if (there.priority === priority) {
      this.#refuse(
        `Unable to build profile. There is a conflict for the following files:\n\n  "${there.target}"\n  "${from}"`,
      )
    }
    if (there.priority > priority) folder.entries.set(name, { kind: "link", target: from, priority })
  }
}

function isFolder({ node }: Found): boolean {
  return node.type === "directory" || node.type === "folder outside"
}

/** As deep as the packages are. */
function tell(folder: Folder, builder: TreeBuilder): void {
  builder.directory()
  for (const [name, entry] of [...folder.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    builder.entry(name)
    if (entry.kind === "link") builder.symlink(entry.target)
    else tell(entry, builder)
  }
  builder.endDirectory()
}
