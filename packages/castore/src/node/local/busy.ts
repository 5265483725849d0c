/** What SQLite's result codes tell, and waiting for what it is refused for. Loads nothing of SQLite. */

// From sqlite3.h.
export const SQLITE_BUSY = 5
export const SQLITE_READONLY = 8
export const SQLITE_CANTOPEN = 14

/** Whether SQLite says so: extended codes have the code in their low byte. */
export function hasCode(error: unknown, ...codes: readonly number[]): boolean {
  const { errcode } = error as { readonly errcode?: number }
  return errcode !== undefined && codes.includes(errcode & 0xff)
}

export function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
