/**
 * `builtin:buildenv`, what profiles are built with: one tree of links to everything that is in some packages
 * (libstore/builtins/buildenv.cc). All paths are byte strings.
 */
import { TreeBuilder } from "@tvix-ts/castore"
import { InputFiles } from "./input-files.ts"
import { RealiseError } from "./problem.ts"
import type { BuiltinBuilder } from "./realise.ts"

interface Package {
  readonly path: string
  readonly active: boolean
  readonly priority: number
}

interface Folder {
  readonly kind: "folder"
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

export const builtinBuildenv: BuiltinBuilder = async (derivation, request, { store, path, signal }) => {
  const refuse = (reason: string): never => {
    throw new RealiseError({ code: "unsupported", derivation: path, reason })
  }
  const attribute = (name: string): string => derivation.env.get(name) ?? refuse(`attribute '${name}' missing`)
  const packages = parsePackages(attribute("derivations")) ?? refuse("attribute 'derivations' is not well-formed")
  const manifest = attribute("manifest")
  const [output] = request.outputs
  if (output === undefined) return refuse("'builtin:buildenv' needs an output")
  const profile = new Profile(new InputFiles(request, store, signal), refuse)
  await profile.addAll(packages)
  profile.root.entries.set("manifest.nix", { kind: "link", target: manifest, priority: 0 })
  const builder = new TreeBuilder(store, { signal })
  try {
    tell(profile.root, builder)
    const node = await builder.finish()
    const text = [...profile.targets, manifest].join("\0")
    const needles = request.needles.flatMap((needle, i) => (text.includes(needle) ? [i] : []))
    return [{ path: output, node, needles }]
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
  readonly root: Folder = { kind: "folder", entries: new Map() }
  readonly targets = new Set<string>()
  readonly #files: InputFiles
  readonly #refuse: (reason: string) => never
  readonly #done = new Set<string>()
  #postponed = new Set<string>()

  constructor(files: InputFiles, refuse: (reason: string) => never) {
    this.#files = files
    this.#refuse = refuse
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
    const node = await this.#files.find(source)
    if (node?.type !== "directory") return
    for (const [name] of await this.#files.entries(node)) {
      const from = `${source}/${name}`
      if (name.startsWith(".") || LEFT_OUT.some((ending) => from.endsWith(ending))) continue
      const found = await this.#files.find(from)
      // A link that leads nowhere.
      if (found === undefined) continue
      const there = folder.entries.get(name)
      if (there === undefined) this.#put(folder, name, from, priority)
      else if (found.type === "directory") await this.#merge(from, folder, name, there, priority)
      else this.#replace(from, folder, name, there, priority)
    }
  }

  async #merge(from: string, folder: Folder, name: string, there: Folder | Link, priority: number): Promise<void> {
    if (there.kind === "folder") return this.#link(from, there, priority)
    if ((await this.#files.find(there.target))?.type !== "directory") {
      this.#refuse(`collision between "${from}" and non-directory "${there.target}"`)
    }
    const both: Folder = { kind: "folder", entries: new Map() }
    folder.entries.set(name, both)
    await this.#link(there.target, both, there.priority)
    await this.#link(from, both, priority)
  }

  #replace(from: string, folder: Folder, name: string, there: Folder | Link, priority: number): void {
    if (there.kind === "folder") this.#refuse(`collision between non-directory '${from}' and a directory`)
    if (there.priority === priority) {
      this.#refuse(
        `Unable to build profile. There is a conflict for the following files:\n\n  "${there.target}"\n  "${from}"`,
      )
    }
    if (there.priority > priority) this.#put(folder, name, from, priority)
  }

  #put(folder: Folder, name: string, target: string, priority: number): void {
    folder.entries.set(name, { kind: "link", target, priority })
    this.targets.add(target)
  }
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
