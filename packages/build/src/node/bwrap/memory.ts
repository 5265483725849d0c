/**
 * A limit to the memory that a build has in all, by a control group (cgroups(7)) where we may make one. In version 2 that is
 * in the root, or in a group that was delegated to us and has no process but ours, which then moves into a group of its own
 * below, since only groups without processes hand on controllers. In version 1 it is in ours.
 */
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"

export interface MemoryGroups {
  /** @param bytes that all processes of the group may have together */
  make(bytes: number): MemoryGroup
}

export interface MemoryGroup {
  add(pid: number): void
  /** Whether a process was killed for want of memory. */
  readonly exceeded: boolean
  /** Nothing may be in it any more. */
  remove(): void
}

interface Version {
  readonly limit: string
  readonly swap: string
  readonly swapLimit: (bytes: number) => number
  readonly events: string
}
const V1: Version = {
  limit: "memory.limit_in_bytes",
  swap: "memory.memsw.limit_in_bytes",
  swapLimit: (bytes) => bytes,
  events: "memory.oom_control",
}
const V2: Version = { limit: "memory.max", swap: "memory.swap.max", swapLimit: () => 0, events: "memory.events" }

/**
 * `undefined` where there are none that we may make.
 *
 * @param root of the machine: what is put before paths of the system
 */
export function memoryGroups(root = ""): MemoryGroups | undefined {
  try {
    const mounts = mountsOf(readFileSync(`${root}/proc/self/mountinfo`, "latin1"), root)
    const memberships = readFileSync(`${root}/proc/self/cgroup`, "latin1")
    const [folder, version] = groupV1(mounts, memberships) ?? groupV2(mounts, memberships) ?? []
    if (folder === undefined || version === undefined) return undefined
    accessSync(folder, constants.W_OK)
    return { make: (bytes) => makeGroup(folder, version, bytes) }
  } catch {
    return undefined
  }
}

function makeGroup(folder: string, version: Version, bytes: number): MemoryGroup {
  const group = join(folder, `tvix-build-${crypto.randomUUID().slice(0, 13)}`)
  mkdirSync(group)
  try {
    writeFileSync(join(group, version.limit), String(bytes))
    try {
      writeFileSync(join(group, version.swap), String(version.swapLimit(bytes)))
    } catch {
      // A machine without swap, or one that does not count it.
    }
  } catch (error) {
    rmdirSync(group)
    throw error
  }
  return {
    add: (pid) => writeFileSync(join(group, "cgroup.procs"), String(pid)),
    get exceeded() {
      return /^oom_kill [1-9]/m.test(readFileSync(join(group, version.events), "latin1"))
    },
    remove: () => rmdirSync(group),
  }
}

function groupV1(mounts: readonly Mount[], memberships: string): [string, Version] | undefined {
  const ours = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(memberships)?.[1]
  const mount = mounts.find(({ type, options }) => type === "cgroup" && options.split(",").includes("memory"))
  return ours === undefined || mount === undefined ? undefined : [folderOf(mount, ours), V1]
}

function groupV2(mounts: readonly Mount[], memberships: string): [string, Version] | undefined {
  const ours = /^0::(.*)$/m.exec(memberships)?.[1]
  const mount = mounts.find(({ type }) => type === "cgroup2")
  if (ours === undefined || mount === undefined) return undefined
  const folder = folderOf(mount, ours)
  const read = (name: string): string[] => readFileSync(join(folder, name), "latin1").trim().split(/\s+/)
  if (!read("cgroup.controllers").includes("memory")) return undefined
  if (!read("cgroup.subtree_control").includes("memory")) {
    if (folder !== mount.place && read("cgroup.procs").join() === String(process.pid)) {
      const leaf = join(folder, "tvix")
      mkdirSync(leaf, { recursive: true })
      writeFileSync(join(leaf, "cgroup.procs"), String(process.pid))
    }
    writeFileSync(join(folder, "cgroup.subtree_control"), "+memory")
  }
  return [folder, V2]
}

interface Mount {
  readonly type: string
  /** The group that is shown at `place`. */
  readonly root: string
  readonly place: string
  readonly options: string
}

/** Of `/proc/self/mountinfo`: see proc(5). */
function mountsOf(mountinfo: string, root: string): Mount[] {
  return mountinfo
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map((fields) => {
      const type = fields[fields.indexOf("-") + 1]!
      return { type, root: fields[3]!, place: `${root}${fields[4]!}`, options: fields.at(-1)! }
    })
}

/** In a container, the mount shows not all groups but those below its own. */
function folderOf({ root, place }: Mount, group: string): string {
  return join(place, root !== "/" && group.startsWith(root) ? group.slice(root.length) : group)
}
