/**
 * As much of S3 as we use, in this process and in memory, after Amazon's reference of the API: unlike s3rver it checks
 * signatures, knows conditions, gives lists in small pages, and fails as it is told.
 */
import { createHash, createHmac, randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { zstd } from "../../node/zstd.ts"
import type { S3Options } from "../options.ts"

const CREDENTIALS = { accessKeyId: "AKEXAMPLE", secretAccessKey: "not/a+secret" }
const BUCKET = "bucket"
const REGION = "eu-test-1"

interface Stored {
  readonly bytes: Buffer
  readonly size: string | undefined
}

export interface FakeRequest {
  readonly method: string
  /** In the bucket. */
  readonly key: string
  readonly query: URLSearchParams
}

/** An error of S3's; or the connection is cut, before the answer or in the middle of it. */
export type Fault = { readonly status: number; readonly code: string; readonly headers?: object } | "cut" | "cut-answer"

export interface FakeS3 {
  readonly objects: Map<string, Stored>
  /** Parts of uploads that have not ended, by their ids. */
  readonly uploads: Map<string, Map<number, Buffer>>
  /** `METHOD key?query`, in the order in which they came. */
  readonly requests: string[]
  /** What goes wrong with a request, if anything does; it has then had no effect. */
  fault: (request: FakeRequest) => Fault | undefined
  /** Objects in one answer to a question for a list. */
  pageLength: number
  /** ms before each answer. */
  latencyMs: number
  /** ms between the pieces of an answer, of 16 KiB. */
  pieceMs: number
  /** Whether `If-Match` and `If-None-Match` are known; else they are refused. */
  conditions: boolean
  options(changes?: Partial<S3Options>): S3Options
  stop(): Promise<void>
}

export async function startFakeS3(): Promise<FakeS3> {
  const server = createServer((request, response) => void answer(fake, request, response))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const fake: FakeS3 = {
    objects: new Map(),
    uploads: new Map(),
    requests: [],
    fault: () => undefined,
    pageLength: 3,
    latencyMs: 0,
    pieceMs: 0,
    conditions: true,
    options: (changes = {}) => ({
      bucket: BUCKET,
      prefix: "some/prefix",
      endpoint: `http://127.0.0.1:${port}`,
      region: REGION,
      bucketIn: "path",
      credentials: async () => CREDENTIALS,
      zstd,
      retryAfterMs: 1,
      ...changes,
    }),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
  return fake
}

async function answer(fake: FakeS3, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(message.url!, "http://fake")
  const [bucket = "", ...rest] = url.pathname.slice(1).split("/")
  const request = { method: message.method!, key: rest.join("/"), query: url.searchParams }
  fake.requests.push(`${request.method} ${request.key}${url.search}`)
  const pieces: Buffer[] = []
  try {
    for await (const piece of message) pieces.push(piece as Buffer)
  } catch {
    // Whoever sent it has gone.
    return
  }
  const body = Buffer.concat(pieces)
  if (fake.latencyMs > 0) await sleep(fake.latencyMs)
  const fault = fake.fault(request)
  if (fault === "cut") {
    message.socket.destroy()
    return
  }
  if (typeof fault === "object") return refuse(message, response, fault)
  const wrong = wrongSignature(message, url, body)
  if (wrong !== undefined) return refuse(message, response, { status: 403, code: wrong })
  if (bucket !== BUCKET) return refuse(message, response, { status: 404, code: "NoSuchBucket" })
  const result = perform(fake, request, message, body)
  if ("code" in result) return refuse(message, response, result)
  const bytes = result.body ?? Buffer.alloc(0)
  response.writeHead(result.status ?? 200, { "content-length": bytes.length, ...result.headers })
  if (fault === "cut-answer") {
    response.write(bytes.subarray(0, bytes.length >> 1), () => message.socket.destroy())
    return
  }
  if (fake.pieceMs > 0 && message.method === "GET") {
    for (let at = 0; at < bytes.length && !response.destroyed; at += 16_384) {
      response.write(bytes.subarray(at, at + 16_384))
      await sleep(fake.pieceMs)
    }
    response.end()
    return
  }
  response.end(message.method === "HEAD" ? undefined : bytes)
}

interface Result {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: Buffer
}

function perform(
  fake: FakeS3,
  { method, key, query }: FakeRequest,
  { headers }: IncomingMessage,
  body: Buffer,
): Result | { readonly status: number; readonly code: string } {
  const { objects, uploads } = fake
  const stored = objects.get(key)
  const uploadId = query.get("uploadId")
  const parts = uploads.get(uploadId ?? "")
  if (uploadId !== null && parts === undefined) return { status: 404, code: "NoSuchUpload" }
  const store = (bytes: Buffer, size: string | undefined): Result | { status: number; code: string } => {
    const [match, none] = [headers["if-match"], headers["if-none-match"]]
    if ((match ?? none) !== undefined && !fake.conditions) return { status: 501, code: "NotImplemented" }
    if (none === "*" && stored !== undefined) return { status: 412, code: "PreconditionFailed" }
    if (match !== undefined && stored === undefined) return { status: 404, code: "NoSuchKey" }
    if (match !== undefined && match !== etagOf(stored!.bytes)) return { status: 412, code: "PreconditionFailed" }
    objects.set(key, { bytes, size })
    return { headers: { etag: etagOf(bytes) } }
  }
  const meta = headers["x-amz-meta-size"] as string | undefined
  switch (method) {
    case "GET":
    case "HEAD": {
      if (key === "") return { body: list(objects, query, fake.pageLength) }
      if (stored === undefined) return { status: 404, code: "NoSuchKey" }
      const size = stored.size === undefined ? undefined : { "x-amz-meta-size": stored.size }
      return { body: stored.bytes, headers: { etag: etagOf(stored.bytes), ...size } }
    }
    case "PUT":
      if (parts === undefined) return store(body, meta)
      parts.set(Number(query.get("partNumber")), body)
      return { headers: { etag: etagOf(body) } }
    case "POST": {
      if (parts === undefined) {
        const id = `upload&${randomUUID()}`
        uploads.set(id, new Map())
        const text = `<InitiateMultipartUploadResult><UploadId>${id.replace("&", "&amp;")}</UploadId></InitiateMultipartUploadResult>`
        return { body: Buffer.from(text) }
      }
      const named = [...body.toString().matchAll(/<Part><PartNumber>(\d+)<\/PartNumber><ETag>([^<]*)<\/ETag><\/Part>/g)]
      const bytes = named.map(([, number, etag]) => {
        const part = parts.get(Number(number))
        return part !== undefined && etagOf(part) === etag ? part : undefined
      })
      if (bytes.includes(undefined)) return { status: 400, code: "InvalidPart" }
      const result = store(Buffer.concat(bytes as Buffer[]), undefined)
      if ("code" in result) return result
      uploads.delete(uploadId!)
      return { body: Buffer.from("<CompleteMultipartUploadResult></CompleteMultipartUploadResult>") }
    }
    case "DELETE":
      if (uploadId === null) objects.delete(key)
      else uploads.delete(uploadId)
      return { status: 204 }
    default:
      return { status: 405, code: "MethodNotAllowed" }
  }
}

function list(objects: FakeS3["objects"], query: URLSearchParams, pageLength: number): Buffer {
  const after = Buffer.from(query.get("continuation-token") ?? "", "base64").toString()
  const keys = [...objects.keys()].filter((key) => key.startsWith(query.get("prefix") ?? "") && key > after).sort()
  const page = keys.slice(0, pageLength)
  const more = keys.length > pageLength
  const token = more ? `<NextContinuationToken>${btoa(page.at(-1)!)}</NextContinuationToken>` : ""
  const contents = page.map((key) => `<Contents><Key>${key}</Key><ETag>&quot;x&quot;</ETag></Contents>`).join("\n")
  const inner = `<IsTruncated>${more}</IsTruncated>${token}${contents}`
  const xmlns = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult ${xmlns}>${inner}</ListBucketResult>`)
}

function refuse(
  message: IncomingMessage,
  response: ServerResponse,
  { status, code, headers }: { readonly status: number; readonly code: string; readonly headers?: object },
): void {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>as the test wants it</Message></Error>`
  response.writeHead(status, { ...headers })
  response.end(message.method === "HEAD" ? undefined : body)
}

function etagOf(bytes: Buffer): string {
  return `"${createHash("md5").update(bytes).digest("hex")}"`
}

/** Amazon's "Signature Version 4", with headers: the code of what is wrong. */
function wrongSignature({ method, headers }: IncomingMessage, url: URL, body: Buffer): string | undefined {
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8}\/[^/]+\/s3\/aws4_request), SignedHeaders=([^,]+), Signature=(\w+)$/
  const [, id, scope = "", names = "", signature] = pattern.exec(headers.authorization ?? "") ?? []
  if (id !== CREDENTIALS.accessKeyId) return id === undefined ? "AccessDenied" : "InvalidAccessKeyId"
  const sha256 = (data: Buffer | string): string => createHash("sha256").update(data).digest("hex")
  if (headers["x-amz-content-sha256"] !== sha256(body)) return "XAmzContentSHA256Mismatch"
  const query = [...url.searchParams].map((pair) => pair.map(encodeURIComponent).join("=")).sort()
  const signed = names.split(";").map((name) => `${name}:${String(headers[name]).trim()}\n`)
  const canonical = [method, url.pathname, query.join("&"), signed.join(""), names, sha256(body)].join("\n")
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n")
  const hmac = (key: Buffer | string, data: string): Buffer => createHmac("sha256", key).update(data).digest()
  const key = scope.split("/").reduce<Buffer | string>(hmac, `AWS4${CREDENTIALS.secretAccessKey}`)
  return hmac(key, text).toString("hex") === signature ? undefined : "SignatureDoesNotMatch"
}
