import { setTimeout as sleep } from "node:timers/promises"
import postgres, { type Options, type Sql } from "postgres"
import { untilAborted, type CallOptions } from "../../call.ts"
import { CastoreError } from "../../problem.ts"
import { databaseError, isPassing } from "./failure.ts"

export interface PostgresOptions {
  /** A host, or the folder of a socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** Asked when a connection is made. */
  readonly password?: () => Promise<string | undefined>
  /** Where the tables are; it is made if it is not there. Letters, digits and `_`, no capitals. */
  readonly schema: string
  /** Whether connections are encrypted, and whether the server has to show who it is, by a certificate for its host. */
  readonly tls: "none" | "unverified" | "verified"
  /** Connections at once; 8 without. */
  readonly connections?: number
  /** ms that a statement may take; 60,000 without. */
  readonly timeoutMs?: number
  /** How often something is tried while the server cannot be reached; 8 times, some 6 seconds, without. */
  readonly attempts?: number
}

const CONNECTIONS = 8
const TIMEOUT_MS = 60_000
const ATTEMPTS = 8
const RETRY_AFTER_MS = 50
const RETRY_AFTER_MAX_MS = 2_000

/** "tvix": for as long as tables are made, other servers that want to make them wait. */
const MAKING_TABLES = 0x74766978

type PostgresSql = Sql<{ bytea: Uint8Array }>

/** Runs a statement with parameters, and gives its rows. */
type Query = (
  text: string,
  parameters: readonly (string | number | Uint8Array)[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>

/** Tables of one kind, all made together. */
export interface Tables {
  /** By which the version is remembered. */
  readonly name: string
  readonly version: number
  /** Statements that may be run again when all is there; `$schema` stands for the schema. */
  readonly make: readonly string[]
}

/**
 * A PostgreSQL that several servers may share. Connections are made when they are needed, and again after the server was
 * away: whatever is run may be run more than once, and must be such that this makes no difference. Every statement is a
 * transaction of its own: none is kept open over a round trip, so nobody waits for somebody who has gone.
 */
export class PostgresDatabase {
  /** For people: no secret is in it. */
  readonly where: string
  readonly #options: PostgresOptions
  readonly #settings: Options<{ bytea: postgres.PostgresType<Uint8Array> }>
  #sql: PostgresSql
  readonly #made = new Map<string, Promise<void>>()
  #users = 0

  constructor(options: PostgresOptions) {
    const { host, port, database, user, password, tls, connections = CONNECTIONS, timeoutMs = TIMEOUT_MS } = options
    this.#options = options
    this.where = `PostgreSQL database '${database}' at ${host.startsWith("/") ? host : `${host}:${port}`}`
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(options.schema)) throw new TypeError(`no name of a schema: ${options.schema}`)
    const place = host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
    this.#settings = {
      ...place,
      database,
      username: user,
      // Without, the driver asks the environment by itself.
      password: async () => (await password?.()) ?? "",
      ssl: tls === "none" ? false : tls === "unverified" ? "require" : "verify-full",
      max: connections,
      idle_timeout: 60,
      connect_timeout: 15,
      // One question less for each connection: no type needs it that is used here.
      fetch_types: false,
      onnotice: () => {},
      // Plain bytes: a Buffer's slices are no copies.
      types: { bytea: { to: BYTEA, from: [BYTEA], serialize: hexOf, parse: bytesOfHex } },
      connection: {
        application_name: "tvix-store",
        statement_timeout: timeoutMs,
        idle_in_transaction_session_timeout: timeoutMs,
      },
      // We have our own way of waiting.
      backoff: () => 0,
    }
    this.#sql = postgres(this.#settings)
  }

  /** Counts a user; the result takes it back, and closes the connections after the last. */
  use(): () => Promise<void> {
    this.#users++
    let released = false
    return async () => {
      if (released) return
      released = true
      if (--this.#users === 0) await this.#sql.end({ timeout: 5 })
    }
  }

  /** The name of a table, with the schema. */
  table(name: string): string {
    return `${this.#options.schema}.${name}`
  }

  /** Sees to it that the tables are there. @throws {CastoreError} `invalid` if somebody newer than us has made them */
  async ready(tables: Tables): Promise<void> {
    let made = this.#made.get(tables.name)
    if (made === undefined) {
      made = this.#make(tables)
      this.#made.set(tables.name, made)
      // Next time it may go well.
      made.catch(() => this.#made.delete(tables.name))
    }
    await made
  }

  /** Runs a statement that changes nothing. It is over when the signal ends it, though the server may still be at it. */
  read(text: string, parameters: Parameters<Query>[1], options: CallOptions): ReturnType<Query> {
    return this.#run((query) => untilAborted(query(text, parameters), options.signal), options)
  }

  /** Runs a statement that may change something: all of it, or nothing. The signal ends it only before it is sent. */
  write(text: string, parameters: Parameters<Query>[1], options: CallOptions): ReturnType<Query> {
    return this.#run((query) => query(text, parameters), options)
  }

  async #run<T>(work: (query: Query) => Promise<T>, { signal }: CallOptions): Promise<T> {
    const attempts = this.#options.attempts ?? ATTEMPTS
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      const sql = this.#sql
      try {
        // Statements are prepared once for each connection.
        return await work((text, parameters) => sql.unsafe(text, [...parameters], { prepare: parameters.length > 0 }))
      } catch (error) {
        signal?.throwIfAborted()
        if (!isPassing(error) || attempt >= attempts) throw databaseError(error, this.where)
        this.#replace(sql)
      }
      const ms = Math.min(RETRY_AFTER_MAX_MS, RETRY_AFTER_MS * 2 ** (attempt - 1)) * (0.5 + Math.random())
      await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {})
    }
  }

  /**
   * A connection of the driver that was closed at the wrong moment never sends anything again (its version 3.4.9), nor says
   * so. So after a failure there are new ones; the old ones end what they can.
   */
  #replace(failed: PostgresSql): void {
    if (this.#sql !== failed) return
    this.#sql = postgres(this.#settings)
    failed.end({ timeout: 5 }).catch(() => {})
  }

  async #make({ name, version, make }: Tables): Promise<void> {
    const { schema } = this.#options
    const versions = this.table("versions")
    // Who may only read and write need not be allowed to make tables.
    if (await this.#isMade(name, version)) return
    // Statements that are sent together are one transaction. The first keeps others out until it has ended.
    const statements = [
      `SELECT pg_advisory_xact_lock(${MAKING_TABLES})`,
      `CREATE SCHEMA IF NOT EXISTS ${schema}`,
      `CREATE TABLE IF NOT EXISTS ${versions} (name text PRIMARY KEY, version integer NOT NULL)`,
      ...make.map((statement) => statement.replaceAll("$schema", schema)),
      `INSERT INTO ${versions} VALUES ('${name}', ${version}) ON CONFLICT DO NOTHING`,
    ]
    await this.write(statements.join(";\n"), [], {})
    await this.#isMade(name, version)
  }

  async #isMade(name: string, version: number): Promise<boolean> {
    // `to_regclass` may not have heard yet of what others have just made.
    const there = await this.read(
      `SELECT 1 FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS n ON n.oid = relnamespace
       WHERE nspname = $1 AND relname = 'versions'`,
      [this.#options.schema],
      {},
    )
    if (there.length === 0) return false
    const [row] = await this.read(`SELECT version FROM ${this.table("versions")} WHERE name = $1`, [name], {})
    if (row === undefined || row["version"] === version) return row !== undefined
    const reason = `its tables for ${name} have version ${String(row["version"])}, and we know ${version}`
    throw new CastoreError({ code: "invalid", field: this.where, reason })
  }
}

/** Of the type, in PostgreSQL's catalogue. */
const BYTEA = 17

/** Bytes as PostgreSQL writes them: `\x`, and two digits for each. */
function hexOf(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`
}

function bytesOfHex(text: string): Uint8Array {
  const buffer = Buffer.from(text.slice(2), "hex")
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
}

/** A parameter that is an array of byte strings, for `CAST($1 AS bytea[])`: the driver would have to ask for its type. */
export function byteaArray(items: Iterable<Uint8Array | null>): string {
  const texts: string[] = []
  // In an array, a backslash is written twice.
  for (const item of items) texts.push(item === null ? "NULL" : `"\\${hexOf(item)}"`)
  return `{${texts.join(",")}}`
}
