import type { CallOptions, Node } from "@tvix-ts/castore"
import type { BuildRequest } from "./request.ts"

/** What a build left behind. */
export interface BuildOutput {
  /** As the request names it. */
  readonly path: string
  readonly node: Node
  /** Which of the request's needles occur in it: their indexes, ascending. */
  readonly needles: readonly number[]
}

export interface BuildOptions extends CallOptions {
  /** Called with what the command writes to its standard output and error, as it comes. */
  readonly onLog?: (bytes: Uint8Array) => void
  /** How long the command may run, and how long it may say nothing, in milliseconds. Default: for ever. */
  readonly timeoutMs?: number
  readonly silenceMs?: number
  /** Bytes that it may say. Default: any number. */
  readonly logBytesMax?: number
  /**
   * Called with the command's working directory if the build fails, where that is a folder of this machine: it may be moved
   * away before it is removed.
   */
  readonly onFailed?: (folder: string) => void
}

/**
 * Runs commands and stores what they leave behind in a castore, whole and durable when the promise resolves.
 *
 * Every back end passes `testBuildService` (testing/build-service.ts).
 */
export interface BuildService {
  /**
   * The outputs, in the order of the request. Whatever happens, nothing that was started goes on running, and nothing stays
   * on disk that is not needed by others.
   *
   * @throws {BuildError} if the command fails, or leaves an output out
   */
  build(request: BuildRequest, options?: BuildOptions): Promise<readonly BuildOutput[]>
  close(): Promise<void>
}
