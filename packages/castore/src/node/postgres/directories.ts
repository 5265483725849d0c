import { compare, equal } from "@tvix-ts/bytes"
import type { CallOptions } from "../../call.ts"
import { digestKey, digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { ClosureCheck, type EncodedDirectory } from "../../directory/closure.ts"
import { encodeDirectory } from "../../directory/codec.ts"
import type { Directory, DirectoryPutter, DirectoryService } from "../../directory/service.ts"
import { decodeStored } from "../../directory/stored.ts"
import { CastoreError } from "../../problem.ts"
import { byteaArray, type PostgresDatabase, type Tables } from "./database.ts"

const TABLES: Tables = {
  name: "castore",
  version: 1,
  make: [
    `CREATE TABLE IF NOT EXISTS $schema.directories (
      digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
      data bytea NOT NULL)`,
  ],
}

/** Directories that are asked for in one statement. */
const ROWS_MAX = 1000
/** Bytes that are put in one statement: most trees have less, and are there at once or not at all. */
const BYTES_MAX = 16 * 2 ** 20

/**
 * Directories in a table: the canonical encoding, by digest. A tree is stored by one statement, or, if it is large, by several,
 * children before their parents; it is read level by level, with one statement for up to a thousand directories of a level.
 */
export function postgresDirectoryService(database: PostgresDatabase): DirectoryService {
  return new PostgresDirectories(database)
}

class PostgresDirectories implements DirectoryService {
  readonly #database: PostgresDatabase
  readonly #table: string
  readonly #release: () => Promise<void>

  constructor(database: PostgresDatabase) {
    this.#database = database
    this.#table = database.table("directories")
    this.#release = database.use()
  }

  async get(digest: B3Digest, options: CallOptions = {}): Promise<Directory | undefined> {
    options.signal?.throwIfAborted()
    await this.#database.ready(TABLES)
    const rows = await this.#database.read(`SELECT data FROM ${this.#table} WHERE digest = $1`, [digest], options)
    return rows[0] && verified(digest, rows[0]["data"])
  }

  async *getRecursive(digest: B3Digest, options: CallOptions = {}): AsyncGenerator<Directory, void, undefined> {
    options.signal?.throwIfAborted()
    await this.#database.ready(TABLES)
    const seen = new Set([digestKey(digest)])
    for (let level: readonly B3Digest[] = [digest]; level.length > 0;) {
      const next: B3Digest[] = []
      for (let from = 0; from < level.length; from += ROWS_MAX) {
        const wanted = level.slice(from, from + ROWS_MAX)
        const found = await this.#some(wanted, options)
        for (const one of wanted) {
          const directory = found.get(digestKey(one))
          if (directory === undefined) {
            if (one === digest) return
            throw new CastoreError({ code: "missing", what: `directory ${formatDigest(one)}` })
          }
          options.signal?.throwIfAborted()
          yield directory
          for (const [, node] of directory.entries) {
            if (node.type !== "directory" || seen.has(digestKey(node.digest))) continue
            seen.add(digestKey(node.digest))
            next.push(node.digest)
          }
        }
      }
      level = next
    }
  }

  async put(directory: Directory, options: CallOptions = {}): Promise<B3Digest> {
    options.signal?.throwIfAborted()
    const bytes = encodeDirectory(directory)
    const digest = digestOf(bytes)
    await this.#put([{ digest, bytes }], options)
    return digest
  }

  putMultiple(options: CallOptions = {}): DirectoryPutter {
    const closure = new ClosureCheck()
    const staged = new Map<string, EncodedDirectory>()
    return {
      put: (directory) => {
        options.signal?.throwIfAborted()
        const encoded = closure.add(directory)
        staged.set(digestKey(encoded.digest), encoded)
      },
      close: async () => {
        options.signal?.throwIfAborted()
        const root = closure.finish()
        await this.#put([...staged.values()], options)
        return root
      },
    }
  }

  close(): Promise<void> {
    return this.#release()
  }

  async #some(digests: readonly B3Digest[], options: CallOptions): Promise<Map<string, Directory>> {
    const rows = await this.#database.read(
      `SELECT digest, data FROM ${this.#table} WHERE digest = ANY (CAST($1 AS bytea[]))`,
      [byteaArray(digests)],
      options,
    )
    const found = new Map<string, Directory>()
    for (const row of rows) {
      const digest = row["digest"] as B3Digest
      found.set(digestKey(digest), verified(digest, row["data"]))
    }
    return found
  }

  /** @param directories children before their parents */
  async #put(directories: readonly EncodedDirectory[], options: CallOptions): Promise<void> {
    await this.#database.ready(TABLES)
    for (const batch of batches(directories)) {
      // Who puts the same at the same time waits for us or we for them, but not both.
      const rows = batch.toSorted((a, b) => compare(a.digest, b.digest))
      await this.#database.write(
        `INSERT INTO ${this.#table} (digest, data)
         SELECT * FROM unnest(CAST($1 AS bytea[]), CAST($2 AS bytea[])) ON CONFLICT DO NOTHING`,
        [byteaArray(rows.map(({ digest }) => digest)), byteaArray(rows.map(({ bytes }) => bytes))],
        options,
      )
    }
  }
}

function* batches(directories: readonly EncodedDirectory[]): Generator<readonly EncodedDirectory[], void, undefined> {
  let batch: EncodedDirectory[] = []
  let bytes = 0
  for (const directory of directories) {
    if (batch.length > 0 && bytes + directory.bytes.length > BYTES_MAX) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(directory)
    bytes += directory.bytes.length
  }
  if (batch.length > 0) yield batch
}

function verified(digest: B3Digest, data: unknown): Directory {
  const bytes = data as Uint8Array
  const actual = digestOf(bytes)
  if (equal(actual, digest)) return decodeStored(digest, bytes)
  const what = `directory ${formatDigest(digest)}`
  throw new CastoreError({ code: "corrupt", what, reason: `what is stored has the digest ${formatDigest(actual)}` })
}
