import { existsSync, readdirSync, unlinkSync } from "node:fs"
import { join } from "node:path"
import { CastoreError } from "@tvix-ts/castore"
import { makeFolder, tryLock, type Lock } from "@tvix-ts/castore/node"
import { removeTree } from "./remove-tree.ts"

const LOCK = ".lock"

interface Own {
  readonly name: string
  readonly lock: Lock
}

/**
 * Names in a folder for what is there only while a process works on it. They begin with what is the process's own, and its
 * lock, which the system takes back when it dies, says that they are in use: what was left behind by others is removed when
 * a workspace is opened. Nothing is written before the first name is wanted: the folder may be one that can only be read.
 */
export class Workspace {
  readonly folder: string
  #own: Own | undefined
  #count = 0

  private constructor(folder: string) {
    this.folder = folder
  }

  /** @param folder absolute; made if it is not there */
  static async open(folder: string): Promise<Workspace> {
    // Others may pass through, not look around: a build may run as another user.
    makeFolder(folder, 0o711)
    await sweep(folder)
    return new Workspace(folder)
  }

  /** The path of something that is not there yet. @throws {CastoreError} `unavailable` if nothing can be made there */
  fresh(): string {
    this.#own ??= takeName(this.folder)
    return join(this.folder, `${this.#own.name}.${++this.#count}`)
  }

  /** Removes what is still there under the names that were given out. */
  async close(): Promise<void> {
    if (this.#own === undefined) return
    const { name, lock } = this.#own
    this.#own = undefined
    await removeOwn(this.folder, name)
    lock.release()
  }
}

function takeName(folder: string): Own {
  for (;;) {
    const name = `work-${crypto.randomUUID().slice(0, 13)}`
    const path = join(folder, name + LOCK)
    const lock = tryLock(path)
    if (lock === undefined) continue
    // Who swept between our making the file and our locking it has removed it.
    if (existsSync(path)) return { name, lock }
    lock.release()
  }
}

async function sweep(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith("work-") || !name.endsWith(LOCK)) continue
    const lock = lockOfOther(join(folder, name))
    if (lock === undefined) continue
    try {
      await removeOwn(folder, name.slice(0, -LOCK.length))
    } finally {
      lock.release()
    }
  }
}

/** What cannot be locked cannot be removed either: that is not what the workspace is opened for. */
function lockOfOther(path: string): Lock | undefined {
  try {
    return tryLock(path)
  } catch (error) {
    if (error instanceof CastoreError && error.problem.code === "unavailable") return undefined
    throw error
  }
}

async function removeOwn(folder: string, own: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(`${own}.`) && name !== own + LOCK) await removeTree(join(folder, name))
  }
  try {
    // Last, and while it is held: nobody else may take what is still there for nobody's.
    unlinkSync(join(folder, own + LOCK))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
  }
}
