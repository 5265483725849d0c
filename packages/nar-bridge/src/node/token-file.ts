import { closeSync, existsSync, openSync } from "node:fs"
import { dirname } from "node:path"
import { CastoreError } from "@tvix-ts/castore"
import { makeFolder, openDatabaseOf, storageError, type DatabaseFormat } from "@tvix-ts/castore/node"
import { admit, makeToken, tokenId, type KeptToken, type Right, type TokenRegistry } from "../tokens.ts"

const FORMAT: DatabaseFormat = {
  applicationId: 0x7476_746b, // "tvtk"
  version: 1,
  schema: `
    CREATE TABLE tokens (
      id      TEXT NOT NULL PRIMARY KEY,
      name    TEXT NOT NULL,
      right   TEXT NOT NULL CHECK (right IN ('read', 'write')),
      created INTEGER NOT NULL,
      expires INTEGER,
      hash    BLOB NOT NULL CHECK (length(hash) = 32)
    ) WITHOUT ROWID, STRICT;`,
}

/**
 * Tokens in a file, which is made if it is not there, for its owner alone. Any number of processes may have it open; every
 * question is put to the file, so that a server learns of a token that was made or revoked with the next request.
 *
 * @throws {CastoreError} if there is something else, or it is damaged
 */
export function openTokenFile(path: string, clock: () => number = Date.now): TokenRegistry {
  makeFile(path)
  const database = openDatabaseOf(FORMAT, path)
  const guard = <T>(run: () => T): T => {
    try {
      return run()
    } catch (error) {
      throw storageError(error, path)
    }
  }
  const byId = database.prepare("SELECT * FROM tokens WHERE id = ?")
  return {
    find(secret) {
      const id = tokenId(secret)
      if (id === undefined) return undefined
      const row = guard(() => byId.get(id))
      return row === undefined ? undefined : admit(keptToken(row, path), secret, clock())
    },
    create(wanted) {
      const { kept, secret } = makeToken(wanted, clock())
      const { token, hash } = kept
      guard(() =>
        database
          .prepare("INSERT INTO tokens (id, name, right, created, expires, hash) VALUES (?, ?, ?, ?, ?, ?)")
          .run(token.id, token.name, token.right, token.created, token.expires ?? null, hash),
      )
      return { token, secret }
    },
    list() {
      const rows = guard(() => database.prepare("SELECT * FROM tokens ORDER BY created, id").all())
      return rows.map((row) => keptToken(row, path).token)
    },
    revoke: (id) => guard(() => database.prepare("DELETE FROM tokens WHERE id = ?").run(id).changes) !== 0,
    close() {
      if (database.isOpen) database.close()
    },
  }
}

function keptToken(row: Readonly<Record<string, unknown>>, path: string): KeptToken {
  const { id, name, right, created, expires, hash } = row
  if (
    typeof id !== "string" ||
    typeof name !== "string" ||
    !isRight(right) ||
    typeof created !== "number" ||
    !(expires === null || typeof expires === "number") ||
    !(hash instanceof Uint8Array)
  ) {
    throw new CastoreError({ code: "corrupt", what: path, reason: "a token in it is not well-formed" })
  }
  return { token: { id, name, right, created, expires: expires ?? undefined }, hash }
}

function isRight(value: unknown): value is Right {
  return value === "read" || value === "write"
}

/** Made here, and not by SQLite, which would let others read it. */
function makeFile(path: string): void {
  try {
    makeFolder(dirname(path))
    closeSync(openSync(path, "a", 0o600))
  } catch (error) {
    // What may only be read is opened all the same.
    if (!existsSync(path)) throw storageError(error, path)
  }
}
