import type { Node } from "@tvix-ts/castore"

/**
 * A command to be run on file trees, with everything that it may see: Tvix's `tvix.build.v1.BuildRequest`. All strings are
 * byte strings. Paths are relative to the root of the build, without `.`, `..` and superfluous slashes.
 */
export interface BuildRequest {
  /** The trees below {@link inputsDir}, by their names there. */
  readonly inputs: ReadonlyMap<string, Node>
  /** Where the inputs are. A build may also write new names into it. */
  readonly inputsDir: string
  /** The program, an absolute path, and its arguments. Its own first word is the last part of the path, where that can be. */
  readonly command: readonly string[]
  /** Where it is started; made if it is not there. */
  readonly workingDir: string
  /** Folders that it may write into, empty at first but for what else of the request is below them; sorted. */
  readonly scratchPaths: readonly string[]
  /** What it has to leave behind: files, folders or links below a scratch path, each outside of the others; sorted. */
  readonly outputs: readonly string[]
  /** All of its environment, except that `PWD`, which has to be the working folder if it is here, may be added. */
  readonly environment: ReadonlyMap<string, string>
  readonly constraints: BuildConstraints
  /** Small files that are there from the beginning, outside of the inputs: contents by path. */
  readonly additionalFiles: ReadonlyMap<string, Uint8Array>
  /** What the outputs are searched for: the contents of files, the names of entries and the targets of links. */
  readonly needles: readonly string[]
}

/** What a machine must have, or allow. */
export interface BuildConstraints {
  /** The kind of machine: `x86_64-linux`. */
  readonly system: string
  /** Bytes. */
  readonly memoryMin: number
  /** Absolute paths of the machine that have to be there for the build: `/dev/kvm`. */
  readonly availablePaths: readonly string[]
  readonly network: boolean
  /** Whether there is to be a `/bin/sh`. */
  readonly binSh: boolean
}
