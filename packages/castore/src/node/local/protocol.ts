/**
 * What the thread that calls and the thread that writes tell each other. The bytes of blobs travel in segments of memory
 * that both share, and that is the other's from the message to the answer. A segment holds pieces of many blobs, one after
 * the other without gaps; its records say what they are.
 */
import type { B3Digest } from "../../digest.ts"
import type { EncodedDirectory } from "../../directory/closure.ts"
import type { CastoreProblem } from "../../problem.ts"

/** Bytes in a segment. */
export const SEGMENT_BYTES = 2 ** 22

/** Numbers per record: operation, batch, and two that depend on the operation. Records are acted on in order. */
export const RECORD = 4
/** The next piece of a blob. `blob, length` */
export const PIECE = 0
/** The last piece of a blob, or the only one. It may be empty. `blob, length` */
export const LAST = 1
/** A directory: `index, 0` into the segment's directories. */
export const DIRECTORY = 2
/** Makes durable and visible what has come before; the batch goes on. `0, 0` */
export const COMMIT = 3
/** Forgets what the batch has not committed. `0, 0` */
export const ABORT = 4
/** Someone was told that this exists: `index, 0` into the segment's touches. */
export const TOUCH = 5

export type Table = "chunks" | "blobs" | "directories"

export interface Touch {
  readonly table: Table
  readonly digest: B3Digest
}

export interface SegmentMessage {
  readonly type: "segment"
  readonly buffer: SharedArrayBuffer
  readonly records: readonly number[]
  readonly directories: readonly EncodedDirectory[]
  readonly touches: readonly Touch[]
}

export type Request =
  | SegmentMessage
  /** Moves on the time since which everything that was touched is kept. */
  | { readonly type: "renew"; readonly graceMs: number }
  | { readonly type: "close" }

/** What became of a segment. The arrays run parallel to its records of that kind. */
export interface SegmentReply {
  readonly type: "segment"
  /** 32 bytes for every blob that ended. */
  readonly digests: Uint8Array
  /** Why a blob that ended was not stored, a commit failed or a touch could not be made: by their index. */
  readonly endProblems: ReadonlyMap<number, Failure>
  /** By the index among commits and aborts, of which the latter never fail. */
  readonly commitProblems: ReadonlyMap<number, Failure>
  /** Whether each is still there. */
  readonly touched: readonly (boolean | Failure)[]
}

/** An error between threads. */
export interface Failure {
  readonly problem: CastoreProblem
}

export type Reply =
  | SegmentReply
  /** The thread is ready, or was renewed: its writer's `since`, in ms since the epoch. */
  | { readonly type: "since"; readonly since: number }
  /** It cannot go on: nothing that is under way will be answered. */
  | { readonly type: "broken"; readonly problem: CastoreProblem }
  | { readonly type: "closed" }

/** What the writing thread is started with. */
export interface WriterOptions {
  readonly dir: string
  /** Bytes after which a pack is finished and another begun. */
  readonly packBytes: number
  readonly graceMs: number
}
