import assert from "node:assert/strict"
import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import { describe, test } from "node:test"
import type { BuildOptions } from "../service.ts"
import type { LogPipe } from "./log-pipe.ts"
import { runCommand, type Ended, type Running } from "./run-command.ts"

/** A command that ends when it is told to, and how often it was killed. */
class Command {
  kills = 0
  readonly #output = new EventEmitter()
  readonly #exit = Promise.withResolvers<Awaited<Running["exit"]>>()
  #fail: ((error: unknown) => void) | undefined

  run(options: BuildOptions): Promise<Ended> {
    const log: LogPipe = { path: "", output: this.#output as Socket, input: -1, closeInput() {} }
    const start = (fail: (error: unknown) => void): Running => {
      this.#fail = fail
      const gone = async (): Promise<void> => void setImmediate(() => this.#output.emit("close"))
      return { exit: this.#exit.promise, kill: () => void this.kills++, gone }
    }
    return runCommand(start, log, options)
  }
  say(text: string): void {
    this.#output.emit("data", Buffer.from(text))
  }
  fail(error: unknown): void {
    this.#fail!(error)
  }
  end(): void {
    this.#exit.resolve({ status: 0, signal: undefined })
  }
}

describe("a command that is run", () => {
  test("is left alone once it is over, whatever its caller ends later", async () => {
    const command = new Command()
    const caller = new AbortController()
    const ran = command.run({ signal: caller.signal })
    command.say("done")
    command.end()
    assert.equal(Buffer.from((await ran).lastWords).toString(), "done")
    const { kills } = command
    caller.abort(new Error("the end"))
    assert.equal(command.kills, kills)
  })

  test("fails with what went wrong first, and is killed for it", async () => {
    const command = new Command()
    const caller = new AbortController()
    const ran = command.run({ signal: caller.signal })
    command.fail(new Error("first"))
    assert.equal(command.kills, 1)
    caller.abort(new Error("second"))
    command.end()
    await assert.rejects(ran, /first/)
  })

  test("fails with what its log is refused for", async () => {
    const command = new Command()
    const onLog = (): never => {
      throw new Error("no more")
    }
    const ran = command.run({ onLog })
    command.say("a")
    assert.equal(command.kills, 1)
    command.end()
    await assert.rejects(ran, /no more/)
  })
})
