/** What was typed, kept from one session to the next. */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { makeFolder } from "@tvix-ts/castore/node"

const ENTRIES_MAX = 10_000

/** As the XDG base directory specification has it: what is worth keeping, and not worth taking along. */
export function historyPath(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const state = env["XDG_STATE_HOME"]
  const base = state?.startsWith("/") === true ? state : join(env["HOME"] ?? homedir(), ".local", "state")
  return join(base, "tvix", "repl-history")
}

/** Entries, newest first. One line each in the file, oldest first. A file that cannot be used is done without. */
export class History {
  readonly entries: string[]
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    let lines: string[] = []
    try {
      lines = readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== "")
      if (lines.length > ENTRIES_MAX * 2)
        writeFileSync(path, `${lines.slice(-ENTRIES_MAX).join("\n")}\n`, { mode: 0o600 })
    } catch {
      // The first session.
    }
    this.entries = lines.slice(-ENTRIES_MAX).reverse()
  }

  add(line: string): void {
    if (line.trim() === "" || line === this.entries[0]) return
    this.entries.unshift(line)
    try {
      makeFolder(dirname(this.#path), 0o700)
      appendFileSync(this.#path, `${line}\n`, { mode: 0o600 })
    } catch {
      // Read-only homes are no reason to stop.
    }
  }
}
