/** Uploads as clients make them, without a client: so that what is wrong with them can be chosen. */
import { createHash } from "node:crypto"
import { request, type Agent } from "node:http"
import { byteStringFrom } from "@tvix-ts/bytes"
import { decodeNix32, encodeNix32 } from "@tvix-ts/hash"
import {
  fingerprint,
  formatNarInfo,
  NarWriter,
  parseStorePath,
  type NarInfo,
  type SecretKey,
  type StorePath,
} from "@tvix-ts/nix-compat"
import type { Random } from "../random.ts"

/** A store path that is nowhere yet. */
export interface Parcel {
  readonly storePath: StorePath
  readonly nar: Buffer
  /** `/nar/….nar` */
  readonly narUrl: string
  /** `/….narinfo` */
  readonly infoUrl: string
  readonly info: NarInfo
}

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest()

/** A file, as an archive. */
export function narOfFile(contents: Uint8Array): Buffer {
  const pieces: Buffer[] = []
  const writer = new NarWriter((bytes) => void pieces.push(Buffer.from(bytes)))
  writer.file(contents.length, false)
  void writer.contents(contents)
  return Buffer.concat(pieces)
}

/** Some random bytes under a random name. */
export function randomParcel(random: Random, size: number): Parcel {
  const contents = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) contents.writeUInt32LE(random.below(2 ** 32), at)
  const digest = encodeNix32(Uint8Array.from({ length: 20 }, () => random.below(256)))
  return parcelOf(parseStorePath(`/nix/store/${digest}-parcel`), narOfFile(contents))
}

export function parcelOf(storePath: StorePath, nar: Buffer): Parcel {
  const narHash = sha256(nar)
  const url = `nar/${encodeNix32(narHash)}.nar`
  const info: NarInfo = {
    storePath,
    url,
    compression: "none",
    fileHash: narHash,
    fileSize: nar.length,
    narHash,
    narSize: nar.length,
    references: [],
    signatures: [],
  }
  return { storePath, nar, narUrl: `/${url}`, infoUrl: `/${storePath.digest}.narinfo`, info }
}

/** The narinfo, with a signature if there is a key. */
export async function narInfoText(info: NarInfo, key?: SecretKey): Promise<Buffer> {
  const signatures = key === undefined ? info.signatures : [...info.signatures, await key.sign(fingerprint(info))]
  return Buffer.from(formatNarInfo({ ...info, signatures }), "latin1")
}

export interface Answered {
  /** 0 if the connection was lost before there was an answer. */
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export interface AskOptions {
  readonly method?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly agent?: Agent
}

/** A request, and whatever comes of it. */
export function ask(url: string, options: AskOptions = {}): Promise<Answered> {
  const { method = "GET", token, headers = {}, body, agent } = options
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const length = body === undefined ? {} : { "content-length": String(body.length) }
  return new Promise((resolve) => {
    const lost = (): void => resolve({ status: 0, headers: {}, body: Buffer.alloc(0) })
    const sent = request(url, { method, agent, headers: { ...authorization, ...length, ...headers } }, (response) => {
      const pieces: Buffer[] = []
      const { statusCode: status = 0, headers: received } = response
      response.on("data", (piece: Buffer) => pieces.push(piece))
      // What ends too early was not answered.
      response.on("aborted", lost).on("error", lost)
      response.on("end", () => resolve({ status, headers: received, body: Buffer.concat(pieces) }))
    })
    sent.on("error", lost)
    sent.end(body)
  })
}

/** Uploads NAR and narinfo. The status of what came last. */
export async function send(url: string, parcel: Parcel, token: string, options: AskOptions = {}): Promise<number> {
  const nar = await ask(url + parcel.narUrl, { ...options, method: "PUT", token, body: parcel.nar })
  if (nar.status < 200 || nar.status > 299) return nar.status
  const body = await narInfoText(parcel.info)
  return (await ask(url + parcel.infoUrl, { ...options, method: "PUT", token, body })).status
}

/**
 * What a cache gives for a store path.
 *
 * - `absent`: the narinfo is not there.
 * - `whole`: the archive is what the narinfo says, and what was sent.
 * - anything else: what is wrong.
 */
export async function whatIsServed(url: string, { infoUrl, nar }: Parcel): Promise<string> {
  const info = await ask(url + infoUrl)
  if (info.status === 404) return "absent"
  if (info.status !== 200) return `the narinfo is answered with ${info.status}`
  const text = byteStringFrom(info.body)
  const narUrl = /^URL: (.*)$/m.exec(text)?.[1] ?? ""
  const promised = /^NarHash: sha256:([0-9a-z]{52})$/m.exec(text)?.[1] ?? ""
  const archive = await ask(`${url}/${narUrl}`)
  if (archive.status !== 200) return `the NAR is answered with ${archive.status}`
  if (!archive.body.equals(nar)) return `the NAR has ${archive.body.length} bytes, or others than were sent`
  return sha256(archive.body).equals(decodeNix32(promised) ?? Buffer.alloc(0)) ? "whole" : "another NarHash is promised"
}
