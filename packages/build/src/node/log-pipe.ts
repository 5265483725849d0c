/**
 * Pipes with a name, for what builds write. The pipes that Node makes are sockets, which cannot be opened again: a build that
 * writes to /dev/stderr would fail. And standard output and error have to be one pipe, or their order is lost.
 */
import { execFile } from "node:child_process"
import { chmodSync, closeSync, constants, openSync } from "node:fs"
import { Socket } from "node:net"
import { promisify } from "node:util"
import { unsupported } from "../problem.ts"
import { findProgram } from "./program.ts"
import type { Workspace } from "./workspace.ts"

export interface LogPipe {
  readonly path: string
  /** What comes out of it. */
  readonly output: Socket
  /** For the process that writes. */
  readonly input: number
  /** Nobody here writes to it any more. */
  closeInput(): void
}

/** Makes pipes as they are needed, and uses them again. */
export class LogPipes {
  readonly #workspace: Workspace
  readonly #free: string[] = []

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  /** @param work when it is done, no process may have the pipe open, unless it fails */
  async use<T>(work: (pipe: LogPipe) => Promise<T>): Promise<T> {
    const path = this.#free.pop() ?? (await this.#make())
    // NONBLOCK: opening for reading would wait for a writer.
    const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const input = openSync(path, constants.O_WRONLY)
    const output = new Socket({ fd: reading, readable: true, writable: false })
    let isOpen = true
    const closeInput = (): void => {
      if (isOpen) closeSync(input)
      isOpen = false
    }
    try {
      const result = await work({ path, output, input, closeInput })
      this.#free.push(path)
      return result
    } finally {
      closeInput()
      output.destroy()
    }
  }

  async #make(): Promise<string> {
    const mkfifo = findProgram("mkfifo")
    if (mkfifo === undefined) {
      throw unsupported("building needs the program mkfifo, which is not there")
    }
    const path = this.#workspace.fresh()
    await promisify(execFile)(mkfifo, [path])
    // A build may run as another user. Nobody else gets as far as here.
    chmodSync(path, 0o666)
    return path
  }
}
