import { setTimeout as sleep } from "node:timers/promises"
import postgres, { type Options, type Sql, type TransactionSql } from "postgres"
import type { CallOptions } from "../../call.ts"
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

/** Runs a statement with parameters, and gives its rows. */
export type Query = (
  text: string,
  parameters: readonly (string | number | Uint8Array)[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>

/** Tables of one kind, all made together. */
export interface Tables {
  /** By which the version is remembered. */
  readonly name: string
  readonly version: number
  /** Statements; `$schema` stands for the schema. */
  readonly make: readonly string[]
}

/**
 * A PostgreSQL that several servers may share. Connections are made when they are needed, and again after the server was
 * away: whatever is run may be run more than once, and must be such that this makes no difference.
 */
export class PostgresDatabase {
  /** For people: no secret is in it. */
  readonly where: string
  readonly #options: PostgresOptions
  readonly #sql: Sql
  readonly #made = new Map<string, Promise<void>>()
  #users = 0

  constructor(options: PostgresOptions) {
    const { host, port, database, user, password, tls, connections = CONNECTIONS, timeoutMs = TIMEOUT_MS } = options
    this.#options = options
    this.where = `PostgreSQL database '${database}' at ${host.startsWith("/") ? host : `${host}:${port}`}`
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(options.schema)) throw new TypeError(`no name of a schema: ${options.schema}`)
    const place = host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
    const settings: Options<Record<string, never>> = {
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
      connection: {
        application_name: "tvix-store",
        statement_timeout: timeoutMs,
        idle_in_transaction_session_timeout: timeoutMs,
      },
      // We have our own way of waiting.
      backoff: () => 0,
    }
    this.#sql = postgres(settings)
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
      made = this.#guarded(() => this.#make(tables), {})
      this.#made.set(tables.name, made)
      // Next time it may go well.
      made.catch(() => this.#made.delete(tables.name))
    }
    await made
  }

  /** Runs one statement. It is over for the caller when the signal ends it, though the server may still be at it. */
  read(text: string, parameters: Parameters<Query>[1], options: CallOptions): ReturnType<Query> {
    return this.#guarded(() => untilAborted(queryOf(this.#sql)(text, parameters), options.signal), options)
  }

  /** Runs statements that all take effect, or none. */
  write<T>(work: (query: Query) => Promise<T>, options: CallOptions): Promise<T> {
    return this.#guarded(async () => {
      const result = await this.#sql.begin(async (transaction) => {
        const done = await work(queryOf(transaction))
        options.signal?.throwIfAborted()
        return { done }
      })
      return (result as { readonly done: T }).done
    }, options)
  }

  async #guarded<T>(run: () => Promise<T>, { signal }: CallOptions): Promise<T> {
    const attempts = this.#options.attempts ?? ATTEMPTS
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      try {
        return await run()
      } catch (error) {
        signal?.throwIfAborted()
        if (!isPassing(error) || attempt >= attempts) throw databaseError(error, this.where)
      }
      const ms = Math.min(RETRY_AFTER_MAX_MS, RETRY_AFTER_MS * 2 ** (attempt - 1)) * (0.5 + Math.random())
      await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {})
    }
  }

  async #make({ name, version, make }: Tables): Promise<void> {
    const { schema } = this.#options
    const versions = this.table("versions")
    const found = async (query: Query): Promise<number | undefined> => {
      const [there] = await query("SELECT to_regclass($1) IS NOT NULL AS there", [versions])
      if (there?.["there"] !== true) return undefined
      const [row] = await query(`SELECT version FROM ${versions} WHERE name = $1`, [name])
      return row === undefined ? undefined : Number(row["version"])
    }
    const isThere = async (query: Query): Promise<boolean> => {
      const there = await found(query)
      if (there === undefined || there === version) return there !== undefined
      const reason = `its tables for ${name} have version ${there}, and we know ${version}`
      throw new CastoreError({ code: "invalid", field: this.where, reason })
    }
    // Who may only read and write need not be allowed to make tables.
    if (await isThere(queryOf(this.#sql))) return
    await this.#sql.begin(async (transaction) => {
      const query = queryOf(transaction)
      await query("SELECT pg_advisory_xact_lock($1)", [MAKING_TABLES])
      if (await isThere(query)) return
      await query(`CREATE SCHEMA IF NOT EXISTS ${schema}`, [])
      await query(`CREATE TABLE IF NOT EXISTS ${versions} (name text PRIMARY KEY, version integer NOT NULL)`, [])
      for (const statement of make) await query(statement.replaceAll("$schema", schema), [])
      await query(`INSERT INTO ${versions} VALUES ($1, $2)`, [name, version])
    })
  }
}

function queryOf(sql: Sql | TransactionSql): Query {
  // Statements are prepared once for each connection.
  return (text, parameters) => sql.unsafe(text, [...parameters], { prepare: true })
}

/** A parameter that is an array of byte strings, for `CAST($1 AS bytea[])`: the driver would have to ask for its type. */
export function byteaArray(items: Iterable<Uint8Array>): string {
  const texts: string[] = []
  for (const item of items)
    texts.push(`"\\\\x${Buffer.from(item.buffer, item.byteOffset, item.length).toString("hex")}"`)
  return `{${texts.join(",")}}`
}

function untilAborted<T>(running: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return running
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    signal.addEventListener("abort", leave, { once: true })
    running.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave))
  })
}
