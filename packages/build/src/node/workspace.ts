import { existsSync, readdirSync, unlinkSync } from "node:fs"
import { join } from "node:path"
import { makeFolder, tryLock, type Lock } from "@tvix-ts/castore/node"
import { removeTree } from "./remove-tree.ts"

const LOCK = ".lock"

/**
 * Names in a folder for what is there only while a process works on it. They begin with what is the process's own, and its
 * lock, which the system takes back when it dies, says that they are in use: what was left behind by others is removed when
 * a workspace is opened.
 */
export class Workspace {
  readonly folder: string
  readonly #own: string
  readonly #lock: Lock
  #count = 0

  private constructor(folder: string, own: string, lock: Lock) {
    this.folder = folder
    this.#own = own
    this.#lock = lock
  }

  /** @param folder absolute; made if it is not there */
  static async open(folder: string): Promise<Workspace> {
    // Others may pass through, not look around: a build may run as another user.
    makeFolder(folder, 0o711)
    await sweep(folder)
    for (;;) {
      const own = `work-${crypto.randomUUID().slice(0, 13)}`
      const path = join(folder, own + LOCK)
      const lock = tryLock(path)
      if (lock === undefined) continue
      // Who swept between our making the file and our locking it has removed it.
      if (existsSync(path)) return new Workspace(folder, own, lock)
      lock.release()
    }
  }

  /** The path of something that is not there yet. */
  fresh(): string {
    return join(this.folder, `${this.#own}.${++this.#count}`)
  }

  /** Removes what is still there under the names that were given out. */
  async close(): Promise<void> {
    await removeOwn(this.folder, this.#own)
    this.#lock.release()
  }
}

async function sweep(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith("work-") || !name.endsWith(LOCK)) continue
    const lock = tryLock(join(folder, name))
    if (lock === undefined) continue
    try {
      await removeOwn(folder, name.slice(0, -LOCK.length))
    } finally {
      lock.release()
    }
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
