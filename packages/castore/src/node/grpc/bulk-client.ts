/** The client's half of `BulkBlobService`: what many ask for one by one, and in the same moment, goes in one call. */
import { create, fromBinary } from "@bufbuild/protobuf"
import { concat, equal } from "@tvix-ts/bytes"
import {
  BulkBlobService,
  BulkPutRequestSchema,
  BulkReadRequestSchema,
  BulkReadResponseSchema,
  type BulkReadResponse,
  type BulkReadResponse_Blob,
} from "@tvix-ts/protos"
import type { CallOptions } from "../../call.ts"
import { DIGEST_LENGTH, digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { CastoreError } from "../../problem.ts"
import { BULK_BLOBS_MAX } from "./bulk.ts"
import type { GrpcChannel } from "./channel.ts"
import { isUnimplemented } from "./status.ts"

const { read, put } = BulkBlobService.method

/** Calls of one kind at once. While they are under way, what comes next gathers. */
const CALLS_AT_ONCE = 2

/** Whether a peer offers it: so it is believed until the first call. */
export interface BulkSupport {
  offered: boolean
}

export type BulkFound = Exclude<BulkReadResponse_Blob["found"], { readonly case: undefined }>

/** `undefined` if the blob is not there. */
type BulkAnswer = BulkFound | undefined

interface Question {
  readonly digest: B3Digest
  readonly signal: AbortSignal | undefined
  readonly answer: (answer: BulkAnswer | "unanswered") => void
  readonly fail: (error: unknown) => void
}

/** Asks for blobs: for their contents, or only whether they are there. */
export class BulkReader {
  readonly #channel: GrpcChannel
  readonly #support: BulkSupport
  readonly #contentsMax: number
  #waiting: Question[] = []
  #calls = 0
  #soon = false

  /** @param contentsMax bytes of a blob whose contents are wanted, at most */
  constructor(channel: GrpcChannel, support: BulkSupport, contentsMax: number) {
    this.#channel = channel
    this.#support = support
    this.#contentsMax = contentsMax
  }

  /** What the peer says, contents verified; "unanswered" if it has to be asked in another way. */
  ask(digest: B3Digest, { signal }: CallOptions): Promise<BulkAnswer | "unanswered"> {
    if (!this.#support.offered) return Promise.resolve("unanswered")
    const { promise, resolve, reject } = Promise.withResolvers<BulkAnswer | "unanswered">()
    this.#waiting.push({ digest, signal, answer: resolve, fail: reject })
    this.#next()
    return promise
  }

  #next(): void {
    if (this.#soon || this.#waiting.length === 0 || this.#calls === CALLS_AT_ONCE) return
    this.#soon = true
    // Others who ask in this turn of the event loop come along.
    setImmediate(() => {
      this.#soon = false
      void this.#call(this.#waiting.splice(0, BULK_BLOBS_MAX))
      this.#next()
    })
  }

  async #call(questions: readonly Question[]): Promise<void> {
    this.#calls++
    const wanted = new Wanted(questions)
    let answered = 0
    try {
      if (wanted.signal.aborted) return
      const digests = concat(questions.map(({ digest }) => digest))
      const request = create(BulkReadRequestSchema, { digests, contentsMax: BigInt(this.#contentsMax) })
      for await (const message of this.#channel.serverStream(read, request, { signal: wanted.signal })) {
        for (const blob of blobsOf(message)) {
          const question = questions[answered++]
          if (question !== undefined) settle(question, blob)
        }
      }
    } catch (error) {
      // Whatever else is wrong shows when each is asked for by itself.
      if (isUnimplemented(error)) this.#support.offered = false
    } finally {
      wanted.end()
      for (const { answer } of questions.slice(answered)) answer("unanswered")
      this.#calls--
      this.#next()
    }
  }
}

/** Ends a call when nobody waits for any of its answers any more. */
class Wanted {
  readonly #controller = new AbortController()
  readonly #listeners: (() => void)[] = []

  constructor(questions: readonly Question[]) {
    let count = questions.length
    for (const { signal, fail } of questions) {
      if (signal === undefined) continue
      const abandon = (): void => {
        fail(signal.reason)
        if (--count === 0) this.#controller.abort()
      }
      if (signal.aborted) abandon()
      else signal.addEventListener("abort", abandon, { once: true })
      this.#listeners.push(() => signal.removeEventListener("abort", abandon))
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  end(): void {
    for (const remove of this.#listeners) remove()
  }
}

function blobsOf(message: Uint8Array): BulkReadResponse["blobs"] {
  return fromBinary(BulkReadResponseSchema, message).blobs
}

function settle({ digest, answer, fail }: Question, { found }: BulkReadResponse_Blob): void {
  if (found.case === undefined) return answer(undefined)
  if (found.case === "stat") return answer(found)
  if (!equal(digestOf(found.value), digest)) {
    const what = `blob ${formatDigest(digest)}`
    return fail(new CastoreError({ code: "corrupt", what, reason: "the peer sent other contents" }))
  }
  // Whoever keeps it should not keep all that came with it.
  answer({ case: "contents", value: found.value.slice() })
}

/**
 * Stores blobs together.
 *
 * @returns the digests that the peer says they have, as many as it gives; `undefined` if it does not offer this
 */
export async function bulkPut(
  channel: GrpcChannel,
  support: BulkSupport,
  blobs: Uint8Array[],
  options: CallOptions,
): Promise<readonly Uint8Array[] | undefined> {
  if (!support.offered) return undefined
  try {
    const { digests } = await channel.unary(put, create(BulkPutRequestSchema, { blobs }), options)
    return blobs.map((_, i) => digests.subarray(i * DIGEST_LENGTH, (i + 1) * DIGEST_LENGTH))
  } catch (error) {
    if (!isUnimplemented(error)) throw error
    support.offered = false
    return undefined
  }
}
