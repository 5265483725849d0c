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

type Answer = BulkAnswer | "unanswered"

interface Question {
  readonly digest: B3Digest
  readonly signal: AbortSignal | undefined
  readonly promise: PromiseWithResolvers<Answer>
  /** The call that it is part of, once it is. */
  call: Call | undefined
}

/** A call, which ends when nobody waits for any of its answers any more. */
class Call {
  readonly stop = new AbortController()
  #wanted: number
  #unwanted = 0

  constructor(questions: number) {
    this.#wanted = questions
  }

  answered(): void {
    this.#wanted--
    this.#check()
  }

  givenUp(): void {
    this.#wanted--
    this.#unwanted++
    this.#check()
  }

  /** One that is answered entirely ends by itself. */
  #check(): void {
    if (this.#wanted === 0 && this.#unwanted > 0) this.stop.abort()
  }
}

/** Asks for blobs: for their contents, or only whether they are there. */
export class BulkReader {
  readonly #channel: GrpcChannel
  readonly #support: BulkSupport
  readonly #contentsMax: number
  #waiting: Question[] = []
  /** Those that are not answered yet. One listener for all of a signal: each looks through those that there are. */
  readonly #asked = new Map<AbortSignal, { readonly questions: Set<Question>; readonly giveUp: () => void }>()
  #calls = 0
  #soon = false

  /** @param contentsMax bytes of a blob whose contents are wanted, at most */
  constructor(channel: GrpcChannel, support: BulkSupport, contentsMax: number) {
    this.#channel = channel
    this.#support = support
    this.#contentsMax = contentsMax
  }

  /** What the peer says, contents verified; "unanswered" if it has to be asked in another way. */
  ask(digest: B3Digest, { signal }: CallOptions): Promise<Answer> {
    if (!this.#support.offered) return Promise.resolve("unanswered")
    const question: Question = { digest, signal, promise: Promise.withResolvers(), call: undefined }
    if (signal !== undefined) this.#listen(signal, question)
    this.#waiting.push(question)
    this.#next()
    return question.promise.promise
  }

  #next(): void {
    if (this.#soon || this.#waiting.length === 0 || this.#calls === CALLS_AT_ONCE) return
    this.#soon = true
    // Others who ask in this turn of the event loop come along.
    setImmediate(() => {
      this.#soon = false
      const questions = this.#waiting.splice(0, BULK_BLOBS_MAX).filter(({ signal }) => signal?.aborted !== true)
      if (questions.length > 0) void this.#call(questions)
      this.#next()
    })
  }

  async #call(questions: readonly Question[]): Promise<void> {
    this.#calls++
    const call = new Call(questions.length)
    for (const question of questions) question.call = call
    let answered = 0
    try {
      const digests = concat(questions.map(({ digest }) => digest))
      const request = create(BulkReadRequestSchema, { digests, contentsMax: BigInt(this.#contentsMax) })
      for await (const message of this.#channel.serverStream(read, request, { signal: call.stop.signal })) {
        for (const blob of blobsOf(message)) {
          const question = questions[answered++]
          if (question !== undefined) this.#settle(question, blob)
        }
      }
    } catch (error) {
      // Whatever else is wrong shows when each is asked for by itself.
      if (isUnimplemented(error)) this.#support.offered = false
    } finally {
      const rest = questions.slice(answered)
      if (!this.#support.offered) rest.push(...this.#waiting.splice(0))
      for (const question of rest) this.#settle(question, "unanswered")
      this.#calls--
      this.#next()
    }
  }

  #settle(question: Question, answer: BulkReadResponse_Blob | "unanswered"): void {
    const { digest, signal, promise } = question
    // Nobody waits for it any more.
    if (signal !== undefined && !this.#forget(signal, question)) return
    question.call?.answered()
    if (answer === "unanswered") return promise.resolve(answer)
    const { found } = answer
    if (found.case === undefined) return promise.resolve(undefined)
    if (found.case === "stat") return promise.resolve(found)
    if (!equal(digestOf(found.value), digest)) {
      const what = `blob ${formatDigest(digest)}`
      return promise.reject(new CastoreError({ code: "corrupt", what, reason: "the peer sent other contents" }))
    }
    // Whoever keeps it should not keep all that came with it.
    promise.resolve({ case: "contents", value: found.value.slice() })
  }

  #listen(signal: AbortSignal, question: Question): void {
    const asked = this.#asked.get(signal)
    if (asked !== undefined) {
      asked.questions.add(question)
      return
    }
    const questions = new Set([question])
    const giveUp = (): void => {
      this.#asked.delete(signal)
      for (const { promise, call } of questions) {
        promise.reject(signal.reason)
        call?.givenUp()
      }
    }
    this.#asked.set(signal, { questions, giveUp })
    signal.addEventListener("abort", giveUp, { once: true })
  }

  /** Whether it was still waited for. */
  #forget(signal: AbortSignal, question: Question): boolean {
    const asked = this.#asked.get(signal)
    if (asked === undefined || !asked.questions.delete(question)) return false
    if (asked.questions.size === 0) {
      this.#asked.delete(signal)
      signal.removeEventListener("abort", asked.giveUp)
    }
    return true
  }
}

function blobsOf(message: Uint8Array): BulkReadResponse["blobs"] {
  return fromBinary(BulkReadResponseSchema, message).blobs
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
