/** What somebody who means harm sends: each gets its status, costs bounded memory, and keeps nobody else waiting. */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { encodeNix32 } from "@tvix-ts/hash"
import { parseStorePath } from "@tvix-ts/nix-compat"
import type { Random } from "../random.ts"
import { makeBombs, xzOfLargeDictionary, zstdOfWideWindow } from "./bombs.ts"
import { OpenSocket, raw } from "./raw.ts"
import { CacheServer, damageIn, tvixStore } from "./server.ts"
import type { Tally } from "../acceptance/tally.ts"
import { newToken } from "./tokens.ts"
import {
  ask,
  narInfoText,
  narOfFile,
  parcelOf,
  randomParcel,
  send,
  whatIsServed,
  type AskOptions,
  type Parcel,
} from "./uploads.ts"

const MiB = 2 ** 20

export interface AttackSettings {
  /** Of what the bombs become. */
  readonly bombBytes: number
  readonly slowConnections: number
  readonly idleConnections: number
}

/** The largest NAR that the server under attack takes. */
const NAR_MAX = 64 * MiB
/** What an attack may cost of memory, beyond what the server had before. */
const MEMORY_MAX = 200 * MiB

interface Target {
  readonly tally: Tally
  readonly server: CacheServer
  readonly write: string
  readonly read: string
  readonly store: string
  readonly random: Random
  /** In the store from the start. */
  readonly known: Parcel
}

export async function attacks(tally: Tally, dir: string, settings: AttackSettings, random: Random): Promise<void> {
  tally.section("attacks")
  mkdirSync(dir, { recursive: true })
  const store = `local://${join(dir, "store")}`
  const [write, read] = await Promise.all([newToken(store, "write"), newToken(store, "read")])
  const server = await CacheServer.start(store, "--max-nar-size", String(NAR_MAX))
  const known = randomParcel(random, 300_000)
  const target: Target = { tally, server, write, read, store, random, known }
  try {
    tally.equal("an upload is answered", await send(server.url, known, write), 201)
    await unauthorised(target)
    await malformed(target)
    await traversal(target, dir)
    await injection(target)
    await ranges(target)
    await costing(target, "bombs", () => bombs(target, dir, settings))
    await costing(target, "huge requests", () => huge(target))
    await costing(target, `${settings.slowConnections} slow connections`, () => slow(target, settings))
    await costing(target, `${settings.idleConnections} idle connections`, () => idle(target, settings))
    tally.equal("what was there is served as ever", await whatIsServed(server.url, known), "whole")
  } finally {
    const status = await server.stop()
    tally.equal("the server ends in order", status, 0)
  }
  tally.equal("the store is whole", await damageIn(store), "")
}

/** Runs an attack, and says what it cost. */
async function costing({ tally, server }: Target, what: string, attack: () => Promise<void>): Promise<void> {
  const before = server.residentBytes
  server.forgetPeak()
  await attack()
  const more = server.peakBytes - before
  tally.figure(
    `memory that ${what} cost`,
    `${(more / MiB).toFixed(0)} MiB more than ${(before / MiB).toFixed(0)} MiB`,
    {
      of: `at most ${MEMORY_MAX / MiB} MiB`,
      holds: more <= MEMORY_MAX,
    },
  )
}

async function status(url: string, options: AskOptions = {}): Promise<number> {
  return (await ask(url, options)).status
}

async function unauthorised({ tally, server, write, read, store, random }: Target): Promise<void> {
  const parcel = randomParcel(random, 1000)
  const narinfo = await narInfoText(parcel.info)
  const nar = { method: "PUT", body: parcel.nar }
  const info = { method: "PUT", body: narinfo }
  const garbled = write.slice(0, -1) + (write.endsWith("0") ? "1" : "0")
  for (const [what, url, options, expected] of [
    ["a NAR without a token", parcel.narUrl, nar, 401],
    ["a narinfo without a token", parcel.infoUrl, info, 401],
    ["a NAR with a token that nobody made", parcel.narUrl, { ...nar, token: garbled }, 401],
    ["a NAR with a token for reading", parcel.narUrl, { ...nar, token: read }, 403],
    ["a narinfo with a token for reading", parcel.infoUrl, { ...info, token: read }, 403],
    ["a password that is no token", parcel.narUrl, { ...nar, headers: { authorization: "Basic eDp5" } }, 401],
    ["an Authorization of nonsense", parcel.narUrl, { ...nar, headers: { authorization: "\xff\xfe" } }, 401],
    ["nix-cache-info, to be replaced", "/nix-cache-info", { ...info, token: write }, 405],
    ["a realisation", "/realisations/sha256:ab!out.doi", { ...info, token: write }, 404],
  ] as const) {
    tally.equal(`${what} is refused`, await status(server.url + url, options), expected)
  }
  const challenge = (await ask(server.url + parcel.narUrl, nar)).headers["www-authenticate"]
  tally.check("who has no token is told how to send one", String(challenge).startsWith("Basic"), String(challenge))
  tally.equal("nothing of it is there", await status(server.url + parcel.infoUrl), 404)

  const revoked = await newToken(store, "write")
  const before = await status(server.url + parcel.narUrl, { ...nar, token: revoked })
  await tvixStore("--store", store, "token", "revoke", revoked.split("_")[1]!)
  const after = await status(server.url + parcel.narUrl, { ...nar, token: revoked })
  tally.check("a token that was revoked is worth nothing at once", before < 300 && after === 401, `${before}, ${after}`)
}

/** Uploads of which something is not what is said. */
async function malformed({ tally, server, write: token, random }: Target): Promise<void> {
  const put = async (parcel: Parcel, change: (text: string) => string): Promise<number> => {
    await ask(server.url + parcel.narUrl, { method: "PUT", token, body: parcel.nar })
    const body = Buffer.from(change((await narInfoText(parcel.info)).toString("latin1")), "latin1")
    return status(server.url + parcel.infoUrl, { method: "PUT", token, body })
  }
  const other = encodeNix32(createHash("sha256").update("other").digest())
  for (const [what, change] of [
    ["a NarHash of something else", (text) => text.replace(/^NarHash: .*$/m, `NarHash: sha256:${other}`)],
    ["a NarSize of something else", (text) => text.replace(/^NarSize: .*$/m, "NarSize: 8")],
    ["a FileHash of something else", (text) => text.replace(/^FileHash: .*$/m, `FileHash: sha256:${other}`)],
    ["a FileSize of something else", (text) => text.replace(/^FileSize: .*$/m, "FileSize: 8")],
    [
      "the name of another path",
      (text) => text.replace(/^StorePath: .*$/m, `StorePath: /nix/store/${"a".repeat(32)}-x`),
    ],
    ["a NAR that was not sent", (text) => text.replace(/^URL: .*$/m, `URL: nar/${other}.nar`)],
    ["a NAR elsewhere", (text) => text.replace(/^URL: .*$/m, "URL: http://127.0.0.1/x.nar")],
    ["a NAR outside", (text) => text.replace(/^URL: .*$/m, "URL: nar/../../../etc/passwd")],
    ["a reference that is not there", (text) => text.replace(/^References:.*$/m, `References: ${"a".repeat(32)}-x`)],
    ["a false content address", (text) => `${text}CA: fixed:r:sha256:${other}\n`],
    ["a field twice", (text) => `${text}NarSize: 8\n`],
    ["a line cut off", (text) => text.slice(0, -5)],
    ["nothing in it", () => ""],
    ["binary rubbish in it", () => "\0\xff\r\n\r\n: :"],
  ] as const satisfies readonly (readonly [string, (text: string) => string])[]) {
    const parcel = randomParcel(random, 2000)
    // oxlint-disable-next-line no-await-in-loop -- one after the other, so that a failure has a name
    const answered = await put(parcel, change)
    tally.check(`a narinfo with ${what} is refused`, answered >= 400 && answered < 500, String(answered))
    // oxlint-disable-next-line no-await-in-loop
    tally.equal("and is not there", await whatIsServed(server.url, parcel), "absent")
  }
  const parcel = randomParcel(random, 2000)
  const flipped = Buffer.from(parcel.nar)
  flipped[500]! ^= 1
  for (const [what, body] of [
    ["another NAR than its name says", flipped],
    ["a NAR that ends early", parcel.nar.subarray(0, 1000)],
    ["a NAR with more behind it", Buffer.concat([parcel.nar, Buffer.alloc(8)])],
    ["no NAR", Buffer.from("<html></html>")],
    ["nothing", Buffer.alloc(0)],
  ] as const) {
    tally.equal(`${what} is refused`, await status(server.url + parcel.narUrl, { method: "PUT", token, body }), 400)
  }
}

async function traversal({ tally, server, write, store }: Target, dir: string): Promise<void> {
  const secrets = /root:|SQLite format|BEGIN/
  for (const path of [
    "/../../../../../../etc/passwd",
    "/nar/../../../../../../../etc/passwd",
    "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/nar/%2e%2e%2f%2e%2e%2fstore.sqlite",
    "/nar/..%5c..%5cstore.sqlite",
    "/nar/..\\..\\store.sqlite",
    "//etc/passwd",
    "/nar//etc/passwd",
    "/nar/store.sqlite%00.nar",
    "/..;/etc/passwd",
    "/tokens.sqlite",
    "/store.sqlite",
    "/%c0%ae%c0%ae/etc/passwd",
    "/%zz",
    `/${"a".repeat(31)}%2f.narinfo`,
    "http://elsewhere.example.org/etc/passwd",
    "*",
  ]) {
    const { status: got, text } = await raw(server.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    tally.check(`GET ${path} leads nowhere`, (got === 404 || got === 400) && !secrets.test(text), String(got))
  }
  const before = readdirSync(dir).sort().join(" ")
  const head = `Host: x\r\nAuthorization: Bearer ${write}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nevil`
  for (const path of [
    "/../evil",
    "/nar/../../evil",
    "/nar/%2e%2e%2fevil.nar",
    "/evil",
    "/nar/%2fevil.nar",
    "/.narinfo",
  ]) {
    const { status: got } = await raw(server.port, `PUT ${path} HTTP/1.1\r\n${head}`)
    tally.check(`PUT ${path} leads nowhere`, got >= 400 && got < 500, String(got))
  }
  const evil = ["evil", "evil.nar"].some((name) => existsSync(join(dir, name)) || existsSync(join(dir, "store", name)))
  tally.check("no file was written", !evil && readdirSync(dir).sort().join(" ") === before, store)
}

async function injection({ tally, server, write: token, known, random }: Target): Promise<void> {
  const injected = /^(?:x-evil|set-cookie):/im
  const get = (path: string, headers = ""): string =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`
  for (const [what, request] of [
    ["a line feed in the path", get("/nar/a%0d%0aX-Evil:%20b.nar")],
    ["a line feed in the query", get(`${known.infoUrl}?a=%0d%0aSet-Cookie:%20b`)],
    ["a line feed in an Origin", get("/nix-cache-info", "Origin: http://a\rX-Evil: b\r\n")],
    ["a bare line feed in a header", get("/nix-cache-info", "A: b\nX-Evil: c\r\n")],
    ["a folded header", get("/nix-cache-info", "A: b\r\n X-Evil: c\r\n")],
    ["a NUL in a header", get("/nix-cache-info", "A: \0\r\n")],
    ["no Host", "GET /nix-cache-info HTTP/1.1\r\nConnection: close\r\n\r\n"],
    ["another Host's", "GET /nix-cache-info HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: a\r\nConnection: close\r\n\r\n"],
  ] as const) {
    const { status: got, text } = await raw(server.port, request)
    const head = text.split("\r\n\r\n")[0]!
    tally.check(
      `${what} puts nothing into the head of an answer`,
      got > 0 && got < 500 && !injected.test(head),
      String(got),
    )
  }
  for (const [what, headers, body] of [
    ["two lengths", "Content-Length: 4\r\nContent-Length: 5\r\n", "evil5"],
    [
      "a length and chunks",
      "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
      "0\r\n\r\nGET /nix-cache-info HTTP/1.1\r\n\r\n",
    ],
    ["a negative length", "Content-Length: -1\r\n", ""],
    ["a length that is no number", "Content-Length: 0x10\r\n", ""],
    ["a chunk of another length", "Transfer-Encoding: chunked\r\n", "zz\r\nevil\r\n0\r\n\r\n"],
    ["a transfer encoding that nobody knows", "Transfer-Encoding: evil\r\n", "evil"],
  ] as const) {
    const head = `PUT /nar/${"0".repeat(52)}.nar HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${headers}\r\n`
    const { status: got, text } = await raw(server.port, head + body)
    const answers = text.split("HTTP/1.1 ").length - 1
    // 501 is what a transfer encoding that is not known is for.
    tally.check(`${what} is refused, once`, ((got >= 400 && got < 500) || got === 501) && answers === 1, `${got}`)
  }
  const parcel = randomParcel(random, 2000)
  const short = { ...parcel, nar: parcel.nar.subarray(0, 1000) }
  const head = `PUT ${parcel.narUrl} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${parcel.nar.length}\r\n\r\n`
  const gone = new OpenSocket(server.port)
  gone.send(head + short.nar.toString("latin1"))
  await sleep(200)
  gone.socket.destroy()
  await sleep(200)
  const body = await narInfoText(parcel.info)
  const answered = await status(server.url + parcel.infoUrl, { method: "PUT", token, body })
  tally.equal("the narinfo of an upload that broke off is refused", answered, 409)
}

async function ranges({ tally, server, known }: Target): Promise<void> {
  const info = (await ask(server.url + known.infoUrl)).body.toString("latin1")
  const url = `${server.url}/${/^URL: (.*)$/m.exec(info)?.[1]}`
  const { nar } = known
  const size = nar.length
  const all = { status: 200, from: 0, to: size }
  for (const [range, expected] of [
    ["bytes=0-9", { status: 206, from: 0, to: 10 }],
    ["bytes=100000-", { status: 206, from: 100_000, to: size }],
    ["bytes=-7", { status: 206, from: size - 7, to: size }],
    [`bytes=-${size * 2}`, { status: 206, from: 0, to: size }],
    [`bytes=5-${size * 2}`, { status: 206, from: 5, to: size }],
    ["bytes=5-2", all],
    ["bytes=--5", all],
    ["bytes=-0", { status: 416, from: 0, to: 0 }],
    [`bytes=${size}-`, { status: 416, from: 0, to: 0 }],
    ["bytes=99999999999999999999999-", all],
    ["bytes=0-10,5-20,0-10", all],
    [`bytes=${"0-,".repeat(1000)}0-`, all],
    ["lines=1-2", all],
    ["bytes=a-b", all],
  ] as const) {
    const { status: got, body, headers } = await ask(url, { headers: { range } })
    const { status: wanted, from, to } = expected
    // Where whole numbers end, a server may answer with all of it or with nothing.
    const right = got === wanted || (range.startsWith("bytes=9999") && got === 416)
    const bytes = got === 416 || body.equals(nar.subarray(from, to))
    tally.check(`Range: ${range.slice(0, 40)}`, right && bytes, `${got} ${String(headers["content-range"] ?? "")}`)
  }
}

async function bombs(
  { tally, server, write: token }: Target,
  dir: string,
  { bombBytes }: AttackSettings,
): Promise<void> {
  for (const { kind, narUrl, body } of await makeBombs(dir, bombBytes)) {
    // oxlint-disable-next-line no-await-in-loop -- each is measured
    const started = performance.now()
    // oxlint-disable-next-line no-await-in-loop
    const got = await status(server.url + narUrl, { method: "PUT", token, body })
    const ms = performance.now() - started
    const what = `${body.length} bytes of ${kind} that become ${bombBytes / MiB} MiB`
    // Lost is a connection that is closed while a body is still coming.
    tally.check(`${what} are refused`, got === 413 || got === 400 || got === 0, `${got} after ${ms.toFixed(0)} ms`)
  }
  // Little comes of these; but who believes them keeps gigabytes ready.
  const small = narOfFile(Buffer.from("small\n"))
  for (const [what, suffix, body] of [
    ["zstd that wants a window of 2 GiB", ".zst", zstdOfWideWindow(small)],
    ["xz that wants a dictionary of 4 GiB", ".xz", xzOfLargeDictionary(execFileSync("xz", ["-c"], { input: small }))],
  ] as const) {
    const hash = encodeNix32(createHash("sha256").update(body).digest())
    // oxlint-disable-next-line no-await-in-loop
    const got = await status(`${server.url}/nar/${hash}.nar${suffix}`, { method: "PUT", token, body })
    tally.check(`${what} is taken or refused`, got === 201 || got === 400 || got === 413, String(got))
  }
  const parcel = parcelOf(parseStorePath(`/nix/store/${"z".repeat(32)}-zeros`), narOfFile(Buffer.alloc(NAR_MAX / 2)))
  tally.equal("an archive that is not too large is taken", await send(server.url, parcel, token), 201)
}

async function huge({ tally, server, write: token, known }: Target): Promise<void> {
  const big = Buffer.alloc(NAR_MAX + MiB)
  const nar = `/nar/${"1".repeat(52)}.nar`
  const refused = async (
    what: string,
    url: string,
    options: AskOptions,
    ...wanted: readonly number[]
  ): Promise<void> => {
    const got = await status(server.url + url, options)
    // 0: the connection is closed while the body is still coming, which some clients never read past.
    tally.check(`${what} is refused`, wanted.includes(got) || got === 0, String(got))
  }
  await refused("a narinfo of 65 MiB", known.infoUrl, { method: "PUT", token, body: big }, 413)
  await refused("a NAR larger than allowed", nar, { method: "PUT", token, body: narOfFile(big) }, 413)
  await refused("a NAR larger than allowed, of nothing", nar, { method: "PUT", token, body: big }, 413, 400)
  const promise = `PUT ${nar} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${2 ** 50}\r\n\r\n`
  tally.equal("a NAR of 2^50 bytes is refused before it comes", (await raw(server.port, promise)).status, 413)
  const headers = `GET /nix-cache-info HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(MiB)}\r\n\r\n`
  tally.equal("a header of 1 MiB is refused", (await raw(server.port, headers)).status, 431)
  const many = `GET /nix-cache-info HTTP/1.1\r\nHost: x\r\n${"A: b\r\n".repeat(100_000)}\r\n`
  tally.equal("100000 headers are refused", (await raw(server.port, many)).status, 431)
  const path = `GET /${"a".repeat(MiB)} HTTP/1.1\r\nHost: x\r\n\r\n`
  const { status: got } = await raw(server.port, path)
  tally.check("a path of 1 MiB is refused", got === 431 || got === 414, String(got))
}

/** How long a server that asks for a head within 15 s may take to lose patience: it looks now and then. */
const PATIENCE_MAX_MS = 40_000

/** Heads that come a byte at a time, and bodies. */
async function slow({ tally, server, known }: Target, { slowConnections }: AttackSettings): Promise<void> {
  const sockets = Array.from({ length: slowConnections }, () => new OpenSocket(server.port))
  for (const socket of sockets) socket.send(`GET ${known.infoUrl} HTTP/1.1\r\nHost: x\r\nA: `)
  const drip = setInterval(() => {
    for (const socket of sockets) socket.send("a")
  }, 500)
  const started = performance.now()
  await sleep(1000)
  const asked = performance.now()
  const answered = await status(server.url + known.infoUrl)
  const ms = performance.now() - asked
  tally.check("others are answered meanwhile", answered === 200 && ms < 2000, `${answered} after ${ms.toFixed(0)} ms`)
  await Promise.race([Promise.all(sockets.map(({ ended }) => ended)), sleep(PATIENCE_MAX_MS)])
  clearInterval(drip)
  const open = sockets.filter(({ closed }) => !closed).length
  for (const { socket } of sockets) socket.destroy()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  tally.check(
    "who takes for ever to ask is cut off",
    open === 0,
    `${open} of ${slowConnections} open after ${seconds} s`,
  )
  const polite = sockets.filter(({ received }) => received.startsWith("HTTP/1.1 408 ")).length
  tally.figure("slow heads that were answered with 408", `${polite} of ${slowConnections}, after ${seconds} s`)
}

async function idle({ tally, server, known }: Target, { idleConnections }: AttackSettings): Promise<void> {
  const sockets = Array.from({ length: idleConnections }, () => new OpenSocket(server.port))
  await sleep(1000)
  const answers = await Promise.all(Array.from({ length: 20 }, () => status(server.url + known.infoUrl)))
  tally.check(
    `beside ${idleConnections} connections that say nothing, others are answered`,
    answers.every((got) => got === 200),
    answers.join(" "),
  )
  for (const { socket } of sockets) socket.destroy()
}
