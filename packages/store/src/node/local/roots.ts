import { readlinkSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { CastoreError } from "@tvix-ts/castore"
import { storageError } from "@tvix-ts/castore/node"
import { formatStorePath, storePathBase, type StorePath } from "@tvix-ts/nix-compat"
import { checkStorePath } from "../../path-info/check.ts"

/** Why a store path is kept. */
export interface Root {
  /** Who wants it: any text of one line, unique. See {@link linkRoot} for those that are files. */
  readonly name: string
  readonly path: StorePath
}

const LINK = "link:"

/**
 * The name of a root that is a symbolic link, somewhere on this machine, to the store path it keeps: it does so until the
 * link is gone or leads elsewhere. C++ Nix calls such roots indirect.
 *
 * @param path absolute
 */
export function linkRoot(path: string): string {
  return LINK + path
}

function isAlive({ name, path }: Root): boolean {
  if (!name.startsWith(LINK)) return true
  try {
    // Store paths may be somewhere else on disk, below a folder that stands for the root of the machine.
    return readlinkSync(name.slice(LINK.length)).endsWith(formatStorePath(path))
  } catch (error) {
    // What cannot be looked at may well be there.
    return !GONE.has((error as NodeJS.ErrnoException).code ?? "")
  }
}
/** The last is what there is to say of a file that is no link. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "EINVAL"])

/** Store paths that garbage collection keeps, with everything they refer to. */
export class Roots {
  readonly #database: DatabaseSync
  readonly #path: string

  /** @param path of the database, for messages */
  constructor(database: DatabaseSync, path: string) {
    this.#database = database
    this.#path = path
  }

  /**
   * Durable when it returns. A root of the same name now means this path.
   *
   * @throws {CastoreError} `invalid`
   */
  add(name: string, path: StorePath): void {
    if (name === "") throw new CastoreError({ code: "invalid", field: "root", reason: "its name is empty" })
    if (/[\x00-\x1f\x7f]/.test(name)) {
      throw new CastoreError({
        code: "invalid",
        field: "root",
        reason: "its name has a line break or control character",
      })
    }
    checkStorePath(path, "root")
    this.#guard(() =>
      this.#database.prepare("INSERT OR REPLACE INTO roots VALUES (?, ?)").run(name, storePathBase(path)),
    )
  }

  /** Whether there was one of this name. */
  remove(name: string): boolean {
    return this.#guard(() => this.#database.prepare("DELETE FROM roots WHERE name = ?").run(name).changes) !== 0
  }

  /** In the order of their names. */
  list(): readonly Root[] {
    const rows = this.#guard(() => this.#database.prepare("SELECT name, path FROM roots ORDER BY name").all())
    return rows.map((row) => {
      const path = String(row["path"])
      return { name: String(row["name"]), path: { digest: path.slice(0, 32), name: path.slice(33) } }
    })
  }

  /** Those that keep something: links that lead nowhere any more do not. */
  living(): readonly Root[] {
    return this.list().filter(isAlive)
  }

  /** Removes those that do not. */
  removeDead(): void {
    for (const root of this.list()) if (!isAlive(root)) this.remove(root.name)
  }

  #guard<T>(run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw storageError(error, this.#path)
    }
  }
}
