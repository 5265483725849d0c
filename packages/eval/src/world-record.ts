/**
 * What an evaluation learned of the world, written down, so that it can be found out later, without evaluating anything,
 * whether it would learn the same again. Evaluation is a function of its program and of these answers.
 */
import { AccessError, isPromise, type EvalIO, type FileType } from "./io.ts"
import { isSettled, sameStamp, type FileStamp } from "./unit-cache.ts"

/** Plain data, and so JSON. All paths and values are byte strings. */
export interface WorldRecord {
  /** Files that were read and folders that were listed. What has its stamp has its type and permissions, too. */
  readonly contents: readonly (readonly [path: string, stamp: FileStamp])[]
  /** What else was where; null for nothing. */
  readonly types: readonly (readonly [path: string, type: FileType | null])[]
  readonly executables: readonly (readonly [path: string, isExecutable: boolean])[]
  readonly realPaths: readonly (readonly [path: string, real: string])[]
  readonly links: readonly (readonly [path: string, target: string])[]
  readonly env: readonly (readonly [name: string, value: string])[]
}

/** Writes down what goes through {@link io}. */
export class WorldRecorder {
  /** What an evaluation is to be given. */
  readonly io: EvalIO
  readonly #world: EvalIO
  readonly #begun: number
  /** With the stamps that were asked for before the contents. */
  readonly #contents = new Map<string, FileStamp | undefined>()
  readonly #types = new Map<string, FileType | undefined>()
  readonly #executables = new Map<string, boolean>()
  readonly #realPaths = new Map<string, string>()
  readonly #links = new Map<string, string>()
  readonly #env = new Map<string, string>()
  #repeatable = true

  /** @param world answers at once; of others no record is made. `now` is in milliseconds since 1970 */
  constructor(world: EvalIO, now: number = Date.now()) {
    this.#world = world
    this.#begun = now
    this.io = this.#recording()
  }

  /** Something was learned, or told, that will not be the same again, or not be seen to be. */
  giveUp(): void {
    this.#repeatable = false
  }

  /** To be called when the evaluation has ended; undefined if there is something that cannot be relied upon. */
  finish(): WorldRecord | undefined {
    if (!this.#repeatable || this.#world.stamp === undefined) return undefined
    const contents: (readonly [string, FileStamp])[] = []
    for (const [path, known] of this.#contents) {
      // Unchanged from well before the evaluation began until it was asked for: what has it later is what was seen.
      const stamp = known ?? this.#world.stamp(path)
      if (stamp === undefined || !isSettled(stamp, this.#begun)) return undefined
      contents.push([path, stamp])
    }
    const others = <T>(answers: ReadonlyMap<string, T>): (readonly [string, T])[] =>
      [...answers].filter(([path]) => !this.#contents.has(path))
    return {
      contents,
      types: others(this.#types).map(([path, type]) => [path, type ?? null] as const),
      executables: others(this.#executables),
      realPaths: [...this.#realPaths],
      links: [...this.#links],
      env: [...this.#env],
    }
  }

  #recording(): EvalIO {
    const world = this.#world
    return {
      ...world,
      readFile: (path) =>
        this.#ask(
          () => world.readFile(path),
          () => this.#seen(path),
        ),
      ...("openFile" in world && {
        openFile: (path) =>
          this.#ask(
            () => world.openFile!(path),
            ({ stamp }) => this.#seen(path, stamp),
          ),
      }),
      readDir: (path) =>
        this.#ask(
          () => world.readDir(path),
          () => this.#seen(path),
        ),
      fileType: (path) =>
        this.#ask(
          () => world.fileType(path),
          (type) => this.#types.set(path, type),
        ),
      realPath: (path) =>
        this.#ask(
          () => world.realPath(path),
          (real) => this.#realPaths.set(path, real),
        ),
      ...("readLink" in world && {
        readLink: (path) =>
          this.#ask(
            () => world.readLink!(path),
            (target) => this.#links.set(path, target),
          ),
      }),
      ...("isExecutable" in world && {
        isExecutable: (path) =>
          this.#ask(
            () => world.isExecutable!(path),
            (is) => this.#executables.set(path, is),
          ),
      }),
      ...("stamp" in world && {
        // Who asks for it knows the contents, or is about to read them.
        stamp: (path) =>
          this.#ask(
            () => world.stamp!(path),
            (found) => found && this.#seen(path, found),
          ),
      }),
      ...("forget" in world && {
        forget: () => {
          this.giveUp()
          world.forget!()
        },
      }),
      getEnv: (name) => {
        const value = world.getEnv(name)
        this.#env.set(name, value)
        return value
      },
      currentTime: () => {
        this.giveUp()
        return world.currentTime()
      },
    }
  }

  /** The first stamp counts: what was read before a change, and again after it, must not be found to be the same later. */
  #seen(path: string, stamp?: FileStamp): void {
    if (!this.#contents.has(path)) this.#contents.set(path, stamp)
  }

  #ask<T>(question: () => T, note: (answer: Awaited<T>) => unknown): T {
    let answer: T
    try {
      answer = question()
    } catch (error) {
      // What is out of bounds is so by the evaluation's settings. Whatever else fails may not do so the next time.
      if (!(error instanceof AccessError)) this.giveUp()
      throw error
    }
    if (isPromise(answer)) this.giveUp()
    else note(answer as Awaited<T>)
    return answer
  }
}

/** Whether an evaluation that learned what is in `record` would learn the same of `world`, which answers at once. */
export function isSameWorld(record: WorldRecord, world: EvalIO): boolean {
  const same = (entries: readonly (readonly [string, unknown])[], answer: (key: string) => unknown): boolean =>
    entries.every(([key, expected]) => answer(key) === expected)
  try {
    return (
      same(record.env, (name) => world.getEnv(name)) &&
      record.contents.every(([path, expected]) => {
        const found = world.stamp?.(path)
        return found !== undefined && sameStamp(found, expected)
      }) &&
      same(record.types, (path) => world.fileType(path) ?? null) &&
      same(record.realPaths, (path) => world.realPath(path)) &&
      same(record.executables, (path) => world.isExecutable?.(path)) &&
      same(record.links, (path) => world.readLink?.(path))
    )
  } catch {
    return false
  }
}
