import { mkdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { textOf } from "@tvix-ts/bytes"
import { tryLock } from "@tvix-ts/castore/node"
import type { Locks } from "../../build/realise.ts"

/** How often somebody else's lock is tried, in milliseconds: at first, and at most. */
const TRY_FIRST_MS = 10
const TRY_MAX_MS = 500

/**
 * Locks between all processes that build with the same folder. They end with their process, however it ends. Files are there
 * only as long as somebody has the lock, or died with it.
 */
export function folderLocks(dir: string): Locks {
  return {
    async acquire(path, signal, onWait) {
      mkdirSync(dir, { recursive: true })
      const file = join(dir, `${textOf(path.slice(path.lastIndexOf("/") + 1))}.lock`)
      for (let waitMs = TRY_FIRST_MS; ;) {
        const before = identity(file)
        const lock = tryLock(file)
        if (lock !== undefined) {
          const release = (): void => {
            // While it is held: what others have opened meanwhile, they see to be no longer it.
            rmSync(file, { force: true })
            lock.release()
          }
          // Else what is locked may have been removed, and made anew by somebody else.
          if (before !== undefined && before === identity(file)) return release
          lock.release()
          continue
        }
        if (waitMs === TRY_FIRST_MS) onWait()
        await delay(waitMs, undefined, { signal })
        waitMs = Math.min(waitMs * 2, TRY_MAX_MS)
      }
    },
  }
}

/** Which file it is, among all that there ever were of this name. */
function identity(file: string): string | undefined {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false })
  return stats && `${stats.ino} ${stats.birthtimeNs}`
}
