/**
 * What of a worker's derivations is in the store: they go there while it evaluates others, and are told to the command,
 * which prints them, when they are durable, and kept from collection if that was asked for.
 */
import { makeFolder } from "@tvix-ts/castore/node"
import { basename, join } from "node:path"
import { textOf } from "@tvix-ts/bytes"
import { Failure } from "@tvix-ts/eval"
import type { Roots } from "@tvix-ts/store/node"
import type { Session } from "../session.ts"

export class Written {
  readonly #session: Session
  readonly #rootsDir: string | undefined
  readonly #onDurable: (count: number) => void
  readonly #onFailure: (problem: unknown) => void
  #roots: Roots | undefined
  /** Paths that are on their way. */
  readonly #waiting: string[] = []
  #writing: Promise<void> | undefined

  /**
   * @param rootsDir where links keep the derivations from being collected
   * @param onDurable called with how many more are, in the order they were added
   * @param onFailure called when nothing can be written any more
   */
  constructor(
    session: Session,
    rootsDir: string | undefined,
    onDurable: (count: number) => void,
    onFailure: (problem: unknown) => void,
  ) {
    this.#session = session
    this.#rootsDir = rootsDir
    this.#onDurable = onDurable
    this.#onFailure = onFailure
  }

  /** @throws {Failure} if the store cannot keep roots */
  async start(): Promise<void> {
    if (this.#rootsDir === undefined) return
    const [store, { isLocal }] = await Promise.all([this.#session.openStore(), import("../store/local-store.ts")])
    if (!isLocal(store)) {
      const message = "only a local store can keep roots, one at local:///DIR"
      // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
      throw new Failure({ code: "invalid-argument", message })
    }
    makeFolder(this.#rootsDir)
    this.#roots = store.roots
  }

  add(drvPath: string): void {
    this.#waiting.push(drvPath)
  }

  /** Sees to it that all that was added becomes durable. */
  soon(): void {
    if (this.#writing === undefined && this.#waiting.length > 0) this.#writing = this.#writeAll()
  }

  /** Resolves when all that was added is durable, and told. */
  async all(): Promise<void> {
    this.soon()
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#write(this.#waiting.splice(0))
    } catch (problem) {
      this.#onFailure(problem)
    }
    this.#writing = undefined
  }

  async #write(paths: readonly string[]): Promise<void> {
    await this.#session.store.flush()
    if (this.#rootsDir !== undefined) {
      const { addLinks } = await import("../gc-links.ts")
      for (const path of paths) addLinks(join(this.#rootsDir, basename(textOf(path))), [path], this.#roots)
    }
    this.#onDurable(paths.length)
  }
}
