/**
 * What evaluations printed, kept as long as the world is what they saw of it: docs/decisions/0008-evaluation-cache.md.
 *
 *     DIR/<of what was asked>    a checksum of the rest, eight bytes; and the Entry as JSON, blanks behind it
 */
import { readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { bytesOf, CHECKSUM_BYTES, checksumHolds, concat, writeChecksum } from "@tvix-ts/bytes"
import { makeFolder } from "@tvix-ts/castore/node"
import { isSameWorld, type EvalIO, type WorldRecord } from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { cacheDirectory } from "./caches.ts"
import { workingDirectory } from "./command-line.ts"
import { uptime } from "./output.ts"
import type { RunOptions } from "./run-evaluation.ts"
import { searchPath } from "./session.ts"
import type { Settings } from "./settings.ts"
import { SOURCES } from "./version.ts"

/** Texts are byte strings. */
interface Entry {
  /** What was asked. */
  readonly question: string
  readonly world: WorldRecord
  /** What was printed. */
  readonly output: string
  /** Store paths that were written, and without which the output is of no use. */
  readonly written: readonly string[]
}

export class EvaluationCache {
  readonly #directory: string
  readonly #question: string
  readonly #path: string
  readonly #begun = uptime()
  readonly #worthwhile: number

  /**
   * @param question everything that a result depends on, apart from the world
   * @param worthwhile milliseconds: who evaluates no longer than this gains nothing
   */
  constructor(directory: string, question: string, worthwhile = 100) {
    this.#directory = directory
    this.#question = question
    this.#worthwhile = worthwhile
    this.#path = join(directory, quickDigest(question))
  }

  /** What an evaluation would print now, if that is known. */
  find(world: EvalIO = nodeIo()): Entry | undefined {
    try {
      const { uid, mode } = statSync(this.#path)
      if (uid !== (process.getuid?.() ?? uid) || (process.getuid !== undefined && (mode & OTHERS_WRITE) !== 0)) {
        return undefined
      }
      const bytes = readFileSync(this.#path)
      if (!checksumHolds(bytes)) return undefined
      const entry = JSON.parse(bytes.toString("latin1", CHECKSUM_BYTES)) as Entry
      if (entry.question !== this.#question || !isSameWorld(entry.world, world)) return undefined
      const now = Date.now() / 1000
      utimesSync(this.#path, now, now)
      return entry
    } catch {
      // Not there, or not ours to read.
      return undefined
    }
  }

  /** As far as there is room and permission. @param world what the evaluation learned of it */
  save(world: WorldRecord | undefined, output: string, written: readonly string[] = []): void {
    if (world === undefined || uptime() - this.#begun < this.#worthwhile) return
    try {
      const entry: Entry = { question: this.#question, world, output, written }
      makeFolder(this.#directory, 0o700)
      const json = asciiJson(entry)
      if (json.length > ENTRY_BYTES_MAX) return
      // A checksum is of whole words.
      const bytes = concat([new Uint8Array(CHECKSUM_BYTES), bytesOf(json.padEnd(Math.ceil(json.length / 4) * 4))])
      writeChecksum(bytes)
      const draft = `${this.#path}.${process.pid}.draft`
      writeFileSync(draft, bytes, { mode: 0o600 })
      renameSync(draft, this.#path)
      this.#makeRoom()
    } catch {
      // Then it is evaluated again.
    }
  }

  /** Removes what was not used for longest. */
  #makeRoom(): void {
    const files = readdirSync(this.#directory)
      .map((name) => ({ path: join(this.#directory, name), stats: statSync(join(this.#directory, name)) }))
      .sort((a, b) => b.stats.mtimeMs - a.stats.mtimeMs)
    let total = 0
    for (const { path, stats } of files) {
      total += stats.size
      if (total > BYTES_MAX) rmSync(path, { force: true })
    }
  }
}

const BYTES_MAX = 2 ** 26
/** Reading so much takes as long as many an evaluation. */
const ENTRY_BYTES_MAX = 2 ** 23
const OTHERS_WRITE = 0o022

/** Names a file. Unlike a digest of cryptography, which takes 12 ms to load, it need not be the only one with that name. */
function quickDigest(text: string): string {
  let a = 0x811c9dc5
  let b = 0x01000193
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193)
    b = Math.imul(b ^ text.charCodeAt(i), 0x85ebca6b) ^ (b >>> 15)
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("")
}

/** JSON has no bytes: those above 127 are written as escapes, so that the file can be read as bytes. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^\x00-\x7f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )
}

/** Where the result of these programs is kept; undefined if it is not to be, or cannot be relied upon. */
export function evaluationCache(
  doing: "evaluate" | "instantiate",
  settings: Settings,
  { programs, voice }: RunOptions,
): EvaluationCache | undefined {
  if (SOURCES === undefined || !settings.cache || settings.show.size > 0) return undefined
  // What is typed in may be anything.
  if (programs.some(({ kind }) => kind === "stdin")) return undefined
  const directory = cacheDirectory(process.env, process.platform)
  if (directory === undefined) return undefined
  const question = JSON.stringify(
    [
      // What other sources printed is of no use.
      SOURCES,
      doing,
      voice,
      programs,
      settings,
      searchPath(settings),
      workingDirectory(),
      process.env["HOME"] ?? null,
      process.arch,
      process.platform,
    ],
    // Maps and sets are not of JSON.
    (_, value: unknown) => (value instanceof Map || value instanceof Set ? [...value] : value),
  )
  return new EvaluationCache(join(directory, "evaluations"), question)
}
