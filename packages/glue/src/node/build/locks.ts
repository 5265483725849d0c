import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { textOf } from "@tvix-ts/bytes"
import { tryLock } from "@tvix-ts/castore/node"
import type { Locks } from "../../build/realise.ts"

/** How often somebody else's lock is tried, in milliseconds: at first, and at most. */
const TRY_FIRST_MS = 10
const TRY_MAX_MS = 500

/** Locks between all processes that build with the same folder. They end with their process, however it ends. */
export function folderLocks(dir: string): Locks {
  return {
    async acquire(path, signal, onWait) {
      mkdirSync(dir, { recursive: true })
      const file = join(dir, `${textOf(path.slice(path.lastIndexOf("/") + 1))}.lock`)
      for (let waitMs = TRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, TRY_MAX_MS)) {
        const lock = tryLock(file)
        if (lock !== undefined) return () => lock.release()
        if (waitMs === TRY_FIRST_MS) onWait()
        await delay(waitMs, undefined, { signal })
      }
    },
  }
}
