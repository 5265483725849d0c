/**
 * Locks that die with their process. Node has no `flock`, but SQLite locks its files: an open exclusive transaction on an
 * empty database is a lock that the system takes back when the process ends, however it ends. Who wants to know whether it
 * is held tries to read; readers do not get into each other's way.
 */
import type * as Sqlite from "node:sqlite"
import { hasCode, sleepSync, SQLITE_BUSY } from "./busy.ts"
import { storageError } from "./failure.ts"

// Loading it takes milliseconds: programs have this file that never lock anything.
const sqlite = (): typeof Sqlite => process.getBuiltinModule("node:sqlite")

export interface Lock {
  release(): void
}

/** How often it is tried before whoever is always in the way counts as having it, and how long is waited in between, in ms. */
const TRIES_MAX = 100
const PAUSE_MAX_MS = 4

/**
 * `undefined` if somebody else has it. The file stays when the lock is released.
 *
 * @throws {CastoreError} `unavailable` if the file cannot be written
 */
export function tryLock(path: string): Lock | undefined {
  for (let tries = 1; ; tries++) {
    const lock = tryOnce(path)
    // Who reads, or tries too, refuses it to all others for a moment, without having it.
    if (lock !== undefined || tries === TRIES_MAX || isLocked(path)) return lock
    sleepSync(Math.random() * PAUSE_MAX_MS)
  }
}

function tryOnce(path: string): Lock | undefined {
  const { DatabaseSync } = sqlite()
  let database: Sqlite.DatabaseSync | undefined
  try {
    const held = (database = new DatabaseSync(path, { timeout: 0 }))
    // Nothing is ever written: a journal would only be a second file to clean up.
    held.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
    return { release: () => held.close() }
  } catch (error) {
    database?.close()
    if (hasCode(error, SQLITE_BUSY)) return undefined
    throw storageError(error, path)
  }
}

export function isLocked(path: string): boolean {
  const { DatabaseSync } = sqlite()
  let database: Sqlite.DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0, readOnly: true })
    database.prepare("SELECT count(*) FROM sqlite_schema").get()
    return false
  } catch (error) {
    // Everything else means that there is no such file.
    return hasCode(error, SQLITE_BUSY)
  } finally {
    database?.close()
  }
}
