/** Writing to the outside: byte strings, at once, and without complaint when nobody reads any more. */

// The global, not "node:process": importing that makes Node set up all three standard streams, 5 ms that a short run has no
// use for. `process.stdout` itself is worse: it makes a pipe non-blocking, so that whoever fills it has to wait and try.
import { fstatSync, writeSync } from "node:fs"
import { caller } from "./caller.ts"

const STDOUT = 1
const STDERR = 2
/** What a shell reports of a command killed by SIGPIPE. */
const EXIT_PIPE = 141
/** Takes away what a terminal shows in the line. */
export const CLEAR_LINE = "\r\x1b[K"

export function writeOut(bytes: string): void {
  write(STDOUT, bytes)
}
export function writeError(bytes: string): void {
  write(STDERR, bytes)
}

/** Bytes to standard output: contents of files, archives. */
export function writeOutBytes(bytes: Uint8Array): void {
  writeAll(STDOUT, bytes)
}
export function writeErrorBytes(bytes: Uint8Array): void {
  writeAll(STDERR, bytes)
}

/** Lines of which there may be millions: they are written some at a time. */
export class Lines {
  #text = ""
  add(line: string): void {
    this.#text += `${line}\n`
    if (this.#text.length > 65_536) this.flush()
  }
  /** To be called at the end. */
  flush(): void {
    writeOut(this.#text)
    this.#text = ""
  }
}

function write(file: 1 | 2, bytes: string): void {
  writeAll(file, Buffer.from(bytes, "latin1"))
}

function writeAll(file: 1 | 2, bytes: Uint8Array): void {
  if (caller !== undefined) return caller.write(file, bytes)
  let rest = bytes
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(file, rest))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // A pipe somebody made non-blocking, and full: its reader needs a moment.
      if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      else if (code === "EPIPE") process.exit(EXIT_PIPE)
      else throw error
    }
  }
}

/** The byte string without what a terminal obeys: the name of a file may clear the screen, or pretend to be two lines. */
export function printable(bytes: string): string {
  return bytes.replaceAll(/[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/g, "?")
}

/** Whether a file of ours, such as 2 for standard error, is a terminal. The module that knows is loaded if it may be one: 3 ms. */
export function isTerminal(file: number): boolean {
  if (caller !== undefined) return caller.isTerminal(file)
  try {
    if (!fstatSync(file).isCharacterDevice()) return false
  } catch {
    // Closed.
    return false
  }
  return process.getBuiltinModule("node:tty").isatty(file)
}

/** Of the terminal on standard error. One that does not know its size says 0. */
export function terminalSize(): { readonly columns: number; readonly rows: number } {
  const { columns, rows } = caller ?? process.stderr
  return { columns: columns || 80, rows: rows || 24 }
}

/** Milliseconds that the command has run. (That performance.now() is not there from the start: its module takes 3 ms to load.) */
export function uptime(): number {
  return caller === undefined ? process.uptime() * 1000 : performance.now() - caller.calledAt
}

/** Whether to colour what goes to standard error, or to `file`. */
export function colorsWanted(
  env: Readonly<Record<string, string | undefined>> = process.env,
  file: number = STDERR,
): boolean {
  if ((env["NO_COLOR"] ?? "") !== "" || env["NOCOLOR"] !== undefined) return false
  return isTerminal(file) && (env["TERM"] ?? "dumb") !== "dumb"
}
