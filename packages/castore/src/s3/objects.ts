import { utf8 } from "@tvix-ts/bytes"
import type { CallOptions } from "../call.ts"
import type { CastoreError } from "../problem.ts"
import { S3Bucket, S3Refused } from "./bucket.ts"
import { refusalError, refusalOf, unavailable } from "./failure.ts"
import type { S3Options } from "./options.ts"
import { parseXml, textOfChild } from "./xml.ts"

const PART_BYTES = 8 * 2 ** 20
/** Parts of one object under way at once: 32 MiB in memory are on their way. */
const PARTS_AT_ONCE = 4
/** For how long a service is believed that it knows no conditions: it may have learned, or been another. */
const UNCONDITIONAL_MS = 3_600_000
/** What services take at most. */
const PARTS_MAX = 10_000

export interface S3Object {
  readonly bytes: Uint8Array
  /** Which version of the object this is; for {@link PutCondition}. */
  readonly etag: string | undefined
}

export interface S3ObjectHead {
  /** What the object was put with, as `x-amz-meta-size`. */
  readonly size: number | undefined
}

export interface PutOptions extends CallOptions {
  /** What must be there: nothing, or the version with this ETag. Services that know no conditions store it in any case. */
  readonly unless?: "there"
  readonly replaces?: string
  /** Kept with the object: how many bytes it has when it is not compressed. */
  readonly size?: number
}

/** The objects of one store: those of a bucket whose names begin with its prefix. */
export class S3Objects {
  readonly #bucket: S3Bucket
  readonly #prefix: string
  readonly #partBytes: number
  /** ms since whenever: until then nothing is put on conditions, of which the service has said that it knows none. */
  #unconditionalUntil = -Infinity
  readonly #now: () => number

  constructor(options: S3Options, now: () => number = () => performance.now()) {
    this.#now = now
    this.#bucket = new S3Bucket(options)
    this.#prefix = options.prefix === undefined || options.prefix === "" ? "" : `${options.prefix}/`
    this.#partBytes = options.partBytes ?? PART_BYTES
  }

  /** How the object is called, for people. */
  describe(name: string): string {
    return `object '${this.#prefix}${name}' in ${this.#bucket.where}`
  }

  /** @throws {CastoreError} `corrupt` if it has more than `bytesMax` bytes, which are not read then */
  async get(name: string, bytesMax: number, options: CallOptions = {}): Promise<S3Object | undefined> {
    const answer = await this.#bucket.ask({ method: "GET", key: this.#prefix + name, bytesMax, ...options })
    return answer && { bytes: answer.body, etag: answer.header("etag") }
  }

  async head(name: string, options: CallOptions = {}): Promise<S3ObjectHead | undefined> {
    const answer = await this.#bucket.ask({ method: "HEAD", key: this.#prefix + name, ...options })
    const size = answer?.header("x-amz-meta-size")
    return answer && { size: size !== undefined && /^[0-9]{1,15}$/.test(size) ? Number(size) : undefined }
  }

  /**
   * It is stored, whole and for everybody to see, when this resolves.
   *
   * @returns whether it was stored; if not, the condition did not hold
   */
  async put(name: string, bytes: Uint8Array, options: PutOptions = {}): Promise<boolean> {
    const { unless, replaces, size, signal } = options
    const meta = size === undefined ? {} : { "x-amz-meta-size": String(size) }
    const conditions = {
      ...(unless === undefined ? {} : { "If-None-Match": "*" }),
      ...(replaces === undefined ? {} : { "If-Match": replaces }),
    }
    const put = async (headers: Readonly<Record<string, string>>): Promise<void> => {
      if (bytes.length > this.#partBytes) await this.#putParts(name, bytes, meta, headers, signal)
      else
        await this.#must(
          { method: "PUT", key: this.#prefix + name, body: bytes, headers: { ...meta, ...headers } },
          signal,
        )
    }
    const conditional = Object.keys(conditions).length > 0 && this.#now() >= this.#unconditionalUntil
    try {
      await put(conditional ? conditions : {})
      return true
    } catch (error) {
      if (!(error instanceof S3Refused)) throw error
      const { status, code } = error.refusal
      // One that is being changed by somebody else at this moment is refused by 409; one that is gone, by 404.
      if (status === 412 || code === "ConditionalRequestConflict") return false
      if (code === "NoSuchKey" && replaces !== undefined) return false
      // A 501 of whoever stands in front of the service says nothing of what it knows.
      if (code !== "NotImplemented" || !conditional) throw error.error
      this.#unconditionalUntil = this.#now() + UNCONDITIONAL_MS
      try {
        await put({})
      } catch (again) {
        throw again instanceof S3Refused ? again.error : again
      }
      return true
    }
  }

  async delete(name: string, options: CallOptions = {}): Promise<void> {
    await this.#bucket.ask({ method: "DELETE", key: this.#prefix + name, ...options })
  }

  /** The names of all objects that begin with `start`, ascending. */
  async *list(start: string, options: CallOptions = {}): AsyncGenerator<string, void, undefined> {
    for (let token: string | undefined; ;) {
      const answer = await this.#bucket.ask({
        method: "GET",
        key: "",
        query: {
          "list-type": "2",
          prefix: this.#prefix + start,
          ...(token === undefined ? {} : { "continuation-token": token }),
        },
        ...options,
      })
      const page = answer && parseXml(new TextDecoder().decode(answer.body))
      if (page?.name !== "ListBucketResult") throw this.#nonsense("a list of objects")
      for (const element of page.children) {
        if (element.name !== "Contents") continue
        const key = textOfChild(element, "Key") ?? ""
        if (!key.startsWith(this.#prefix + start)) throw this.#nonsense("a list of objects")
        yield key.slice(this.#prefix.length)
      }
      if (textOfChild(page, "IsTruncated") !== "true") return
      const next = textOfChild(page, "NextContinuationToken")
      // Without a new one it would go on for ever.
      if (next === undefined || next === "" || next === token) throw this.#nonsense("a list of objects")
      token = next
    }
  }

  async #must(request: Parameters<S3Bucket["request"]>[0], signal: AbortSignal | undefined) {
    const answer = await this.#bucket.request({ ...request, ...(signal && { signal }) })
    if (answer === undefined) {
      const refusal = { status: 404, code: "NoSuchKey", message: "" }
      throw new S3Refused(refusal, unavailable(`${this.#bucket.where}: ${request.method} is answered by 404`))
    }
    return answer
  }

  /** Nobody sees anything of it before the last request. If it comes to none, the parts are given up. */
  async #putParts(
    name: string,
    bytes: Uint8Array,
    meta: Readonly<Record<string, string>>,
    conditions: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const key = this.#prefix + name
    const begun = await this.#must({ method: "POST", key, query: { uploads: "" }, headers: meta }, signal)
    const result = parseXml(new TextDecoder().decode(begun.body))
    const uploadId = result?.name === "InitiateMultipartUploadResult" ? textOfChild(result, "UploadId") : undefined
    if (uploadId === undefined || uploadId === "") throw this.#nonsense("the beginning of an upload")
    const partBytes = Math.max(this.#partBytes, Math.ceil(bytes.length / PARTS_MAX))
    const count = Math.ceil(bytes.length / partBytes)
    const etags: string[] = []
    const stop = new AbortController()
    const both = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
    try {
      let next = 0
      const putSome = async (): Promise<void> => {
        while (next < count) {
          const index = next++
          const body = bytes.subarray(index * partBytes, (index + 1) * partBytes)
          const query = { partNumber: String(index + 1), uploadId }
          const etag = (await this.#must({ method: "PUT", key, query, body }, both)).header("etag")
          if (etag === undefined || !/^"?[A-Za-z0-9_=+/-]{1,200}"?$/.test(etag)) throw this.#nonsense("a part")
          etags[index] = etag
        }
      }
      const workers = Array.from({ length: Math.min(PARTS_AT_ONCE, count) }, async () => {
        try {
          await putSome()
        } catch (error) {
          stop.abort(error)
          throw error
        }
      })
      const failed = (await Promise.allSettled(workers)).find((result) => result.status === "rejected")
      if (failed !== undefined)
        throw stop.signal.aborted && signal?.aborted !== true ? stop.signal.reason : failed.reason
      const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
      const body = utf8(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`)
      const done = await this.#must({ method: "POST", key, query: { uploadId }, body, headers: conditions }, signal)
      // Services begin to answer before they know how it ends.
      if (parseXml(new TextDecoder().decode(done.body))?.name === "CompleteMultipartUploadResult") return
      const refusal = refusalOf(done.status, done.body)
      throw new S3Refused(refusal, refusalError(refusal, this.#bucket.where, undefined))
    } catch (error) {
      // The answer to an earlier attempt was lost, and the upload had ended well.
      const gone = error instanceof S3Refused && error.refusal.code === "NoSuchUpload"
      if (gone && (await this.head(name, signal === undefined ? {} : { signal })) !== undefined) return
      // Nobody is told of a failure here: services forget parts sooner or later, if they are told to.
      await this.#bucket.ask({ method: "DELETE", key, query: { uploadId } }).catch(() => {})
      throw error
    }
  }

  #nonsense(what: string): CastoreError {
    return unavailable(`${this.#bucket.where}: what the service answers is not ${what}, as S3 has it`)
  }
}
