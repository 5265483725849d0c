/**
 * Path infos as `tvix.store.v1.PathInfo` (protos/tvix/store/v1/path_info.proto): on the wire, and in databases. What differs
 * from ours:
 *
 *     node              has the store path's base name for its name
 *     references        20 bytes each; their base names are in narinfo.reference_names, in the same order
 *     narinfo.deriver   has no `.drv` at the end of its name
 *     narinfo.ca        names method and algorithm as one; not every pair has a name
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { CastoreError } from "@tvix-ts/castore"
import { digestLength, encodeNix32, type HashAlgorithm } from "@tvix-ts/hash"
import {
  DERIVATION_SUFFIX,
  storePathBase,
  storePathDigest,
  type ContentAddress,
  type HashMethod,
  type StorePath,
} from "@tvix-ts/nix-compat"
import {
  NARInfo_CA_Hash,
  NARInfo_CASchema,
  NARInfo_SignatureSchema,
  NARInfoSchema,
  PathInfoSchema,
  StorePathSchema,
  type NARInfo_CA,
  type PathInfo as PathInfoMessage,
} from "@tvix-ts/protos"
import { checkLength, checkPathInfo, checkStorePath, invalid, NAR_HASH_LENGTH, SIGNATURE_LENGTH } from "./check.ts"
import { messageOfNode, nodeOfMessage, sizeOfMessage } from "./node-message.ts"
import type { PathInfo } from "./path-info.ts"

/** Bytes of a store path's digest. */
const STORE_DIGEST_LENGTH = 20

/**
 * The canonical bytes of a path info.
 *
 * @throws {CastoreError} `invalid`
 */
export function encodePathInfo(pathInfo: PathInfo): Uint8Array {
  return toBinary(PathInfoSchema, messageOfPathInfo(pathInfo))
}

/** @throws {CastoreError} `invalid` */
export function decodePathInfo(bytes: Uint8Array): PathInfo {
  let message
  try {
    message = fromBinary(PathInfoSchema, bytes, { readUnknownFields: false })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CastoreError({ code: "invalid", field: "path info", reason }, { cause: error })
  }
  return pathInfoOfMessage(message)
}

/** @throws {CastoreError} `invalid` */
export function messageOfPathInfo(pathInfo: PathInfo): PathInfoMessage {
  checkPathInfo(pathInfo)
  const { storePath, node, references, narSize, narHash, signatures, deriver, contentAddress } = pathInfo
  const narinfo = create(NARInfoSchema, {
    narSize: BigInt(narSize),
    narSha256: narHash,
    signatures: signatures.map(({ name, bytes }) => create(NARInfo_SignatureSchema, { name, data: bytes })),
    referenceNames: references.map(storePathBase),
  })
  if (deriver !== undefined) {
    const name = deriver.name.slice(0, -DERIVATION_SUFFIX.length)
    narinfo.deriver = create(StorePathSchema, { name, digest: storePathDigest(deriver) })
  }
  if (contentAddress !== undefined) narinfo.ca = messageOfContentAddress(contentAddress)
  return create(PathInfoSchema, {
    node: messageOfNode(node, storePathBase(storePath)),
    references: references.map((reference) => storePathDigest(reference)),
    narinfo,
  })
}

/**
 * References may come in any order, and more than once.
 *
 * @throws {CastoreError} `invalid`, with the message's field that is wrong
 */
export function pathInfoOfMessage(message: PathInfoMessage): PathInfo {
  const { name, node } = nodeOfMessage(message.node, "node")
  const storePath = parseBaseName(name, "node.name")
  const { narinfo } = message
  if (narinfo === undefined) return invalid("narinfo", "is missing")
  const references = referencesOf(message.references, narinfo.referenceNames)
  checkLength(narinfo.narSha256, NAR_HASH_LENGTH, "narinfo.nar_sha256")
  const signatures = narinfo.signatures.map(({ name, data }, i) => {
    const field = `narinfo.signatures[${i}]`
    if (name === "") invalid(`${field}.name`, "is empty")
    checkLength(data, SIGNATURE_LENGTH, `${field}.data`)
    return { name, bytes: data }
  })
  const pathInfo: PathInfo = {
    storePath,
    node,
    references,
    narSize: sizeOfMessage(narinfo.narSize, "narinfo.nar_size"),
    narHash: narinfo.narSha256,
    signatures,
  }
  const { deriver, ca } = narinfo
  return {
    ...pathInfo,
    ...(deriver === undefined
      ? {}
      : { deriver: storePathOf(deriver.digest, `${deriver.name}${DERIVATION_SUFFIX}`, "narinfo.deriver") }),
    ...(ca === undefined ? {} : { contentAddress: contentAddressOf(ca) }),
  }
}

function referencesOf(digests: readonly Uint8Array[], names: readonly string[]): readonly StorePath[] {
  for (const [i, digest] of digests.entries()) checkLength(digest, STORE_DIGEST_LENGTH, `references[${i}]`)
  if (names.length !== digests.length) {
    invalid("narinfo.reference_names", `there are ${names.length}, but ${digests.length} references`)
  }
  const references = new Map<string, StorePath>()
  for (const [i, name] of names.entries()) {
    const field = `narinfo.reference_names[${i}]`
    const reference = parseBaseName(name, field)
    const digest = encodeNix32(digests[i]!)
    if (reference.digest !== digest)
      invalid(field, `has the digest ${reference.digest}, but references[${i}] is ${digest}`)
    references.set(name, reference)
  }
  return [...references].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, reference]) => reference)
}

function parseBaseName(text: string, field: string): StorePath {
  const match = /^([0-9a-z]{32})-/.exec(text)
  if (match === null) return invalid(field, `'${text}' is not 32 digits of base 32, a dash, and a name`)
  const path = { digest: match[1]!, name: text.slice(match[0].length) }
  checkStorePath(path, field)
  return path
}

function storePathOf(digest: Uint8Array, name: string, field: string): StorePath {
  const path = { digest: storeDigestOf(digest, `${field}.digest`), name }
  checkStorePath(path, `${field}.name`)
  return path
}

/**
 * The 32 digits of the 20 bytes of a store path.
 *
 * @throws {CastoreError} `invalid`
 */
export function storeDigestOf(bytes: Uint8Array, field: string): string {
  checkLength(bytes, STORE_DIGEST_LENGTH, field)
  return encodeNix32(bytes)
}

type CaType = keyof typeof NARInfo_CA_Hash
/** One row for each pair of method and algorithm that has a name. */
const CA_TYPES: Readonly<Record<CaType, readonly [HashMethod, HashAlgorithm]>> = {
  NAR_SHA256: ["nar", "sha256"],
  NAR_SHA1: ["nar", "sha1"],
  NAR_SHA512: ["nar", "sha512"],
  NAR_MD5: ["nar", "md5"],
  TEXT_SHA256: ["text", "sha256"],
  FLAT_SHA1: ["flat", "sha1"],
  FLAT_MD5: ["flat", "md5"],
  FLAT_SHA256: ["flat", "sha256"],
  FLAT_SHA512: ["flat", "sha512"],
}
const CA_ROWS = Object.entries(CA_TYPES) as [CaType, readonly [HashMethod, HashAlgorithm]][]

function messageOfContentAddress({ method, hash }: ContentAddress): NARInfo_CA {
  const [type] = CA_ROWS.find(([, row]) => row[0] === method && row[1] === hash.algorithm)!
  return create(NARInfo_CASchema, { type: NARInfo_CA_Hash[type], digest: hash.digest })
}

function contentAddressOf({ type, digest }: NARInfo_CA): ContentAddress {
  const row = CA_ROWS.find(([name]) => NARInfo_CA_Hash[name] === type)
  if (row === undefined) return invalid("narinfo.ca.type", `${Number(type)} is unknown`)
  const [method, algorithm] = row[1]
  checkLength(digest, digestLength[algorithm], "narinfo.ca.digest")
  return { method, hash: { algorithm, digest } }
}
