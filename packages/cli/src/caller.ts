/**
 * Whoever called a command, where that is another process: a client of the one that `tvix warm` keeps. A command that runs for
 * itself has none, and its streams, its terminal and its signals are those of its process.
 */

export interface Caller {
  /** To its standard output or error. */
  write(file: 1 | 2, bytes: Uint8Array): void
  isTerminal(file: number): boolean
  /** Of its terminal, on standard error; 0 if unknown. */
  readonly columns: number
  readonly rows: number
  /** When it called, on the clock of `performance.now()`. */
  readonly calledAt: number
  /** All of its standard input. */
  readInput(): Promise<Uint8Array>
  /** Aborted when it is gone. */
  readonly signal: AbortSignal
}

/** Thrown through a command, before it writes anything, that its caller has to run itself. */
export class Declined extends Error {
  override readonly name = "Declined"
}

export let caller: Caller | undefined

export function setCaller(to: Caller | undefined): void {
  caller = to
}
