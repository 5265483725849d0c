import { extname } from "node:path"
import { Worker } from "node:worker_threads"

/** What the thread is told. */
export interface AlarmOptions {
  /** The device. */
  readonly fd: number
  /** What is looked up so that the kernel knows a file. */
  readonly path: string
  /**
   * The number of the read that is waited for, or one of {@link ALARM}; the id of the file, low and high; whether the thread
   * sleeps until it is told something.
   */
  readonly state: Int32Array
}

export const ALARM = { asleep: 0, ended: -1, lookUp: -2 } as const
const READS_MAX = 2 ** 30
/** How long to wait before a file is looked up again that the kernel has forgotten. */
const LOOK_UP_MS = 1000

/**
 * Wakes up a thread that waits for the kernel in a call that blocks, as nothing else of that thread can happen meanwhile: a
 * thread of its own sees that the same read has lasted for a while, and makes the kernel say something.
 */
export class Alarm {
  private readonly state = new Int32Array(new SharedArrayBuffer(16))
  private readonly worker: Worker
  private reads = 0
  private isSet = false
  private lookUpAt = 0

  constructor(fd: number, path: string) {
    const url = new URL(`./alarm-thread${extname(import.meta.url)}`, import.meta.url)
    const workerData: AlarmOptions = { fd, path, state: this.state }
    // It prints nothing. Without these, Node would open our standard output as a stream.
    this.worker = new Worker(url, { workerData, name: "alarm-thread", stdout: true, stderr: true })
    this.worker.unref()
  }

  /** The kernel is to know the file, which it can be reminded of. It asks us: nobody may wait for that. */
  lookUp(): void {
    if (performance.now() < this.lookUpAt || Atomics.load(this.state, 0) !== ALARM.asleep) return
    this.lookUpAt = performance.now() + LOOK_UP_MS
    this.tell(ALARM.lookUp)
  }

  /** A read begins. @param id of the file, which the kernel knows */
  set(id: number): void {
    Atomics.store(this.state, 1, id | 0)
    Atomics.store(this.state, 2, Math.floor(id / 2 ** 32))
    this.reads = (this.reads % READS_MAX) + 1
    this.isSet = true
    this.tell(this.reads)
  }

  /** No read is waited for. */
  stop(): void {
    if (!this.isSet) return
    this.isSet = false
    Atomics.store(this.state, 0, ALARM.asleep)
  }

  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.worker.once("exit", () => resolve()))
    this.tell(ALARM.ended)
    await ended
  }

  private tell(state: number): void {
    Atomics.store(this.state, 0, state)
    // Mostly it waits for the end of a read, and looks by itself.
    if (state === ALARM.ended || Atomics.load(this.state, 3) === 1) Atomics.notify(this.state, 0)
  }
}
