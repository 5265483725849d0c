/**
 * What the portable half of the store is asked in a page and in a worker. Every case is a function that throws if something
 * is not as it should be. Nothing here may need Node.
 */
import { byteStringFrom, bytesOf, concat, decodeHex, encodeBase64, encodeHex } from "@tvix-ts/bytes"
import {
  CHUNK_MAX,
  Chunker,
  decodeDirectory,
  directoryDigest,
  encodeDirectory,
  toDigest,
  type Directory,
  type Node,
} from "@tvix-ts/castore"
import { Evaluator, memoryIo } from "@tvix-ts/eval"
import { evaluationStore, storeBuiltins, storeIo } from "@tvix-ts/glue"
import { hash, startHash } from "@tvix-ts/hash"
import {
  contentAddressPath,
  fingerprint,
  formatNarInfo,
  NarError,
  NarWriter,
  parseNarInfo,
  parsePublicKey,
  parseStorePath,
  SecretKey,
  verifySignature,
} from "@tvix-ts/nix-compat"
import {
  copyPaths,
  decodePathInfo,
  encodePathInfo,
  ingestNar,
  memoryStore,
  openNar,
  renderNar,
  type PathInfo,
  type Store,
} from "@tvix-ts/store"
import { scriptScanner, wasmScanner } from "../../../packages/castore/src/chunker/scanner.ts"
import cutVectors from "../../../packages/castore/src/chunker/vectors.json" with { type: "json" }
import { noise, pieces } from "../../../packages/castore/src/testing/bytes.ts"
import { cutInput, type CutVectors } from "../../../packages/castore/src/testing/cut-vectors.ts"
import directoryVectors from "../../../packages/castore/src/vectors.json" with { type: "json" }
import type { Outcome } from "../outcome.ts"

/** How often anything may ask in vain whether it may compile: blake3-jit when it is loaded, we for it, the chunker, a case. */
const VIOLATIONS_MAX = 4

type Case = readonly [name: string, run: () => void | Promise<void>]

/** @param wasm whether the policy allows WebAssembly */
export async function runStoreCases(wasm: boolean): Promise<Outcome> {
  const failures: string[] = []
  let violations = 0
  addEventListener("securitypolicyviolation", () => void violations++)
  const cases = [...CASES, ...cutCases(), ...directoryCases(), ...refusalCases(), ...scannerCases(wasm)]
  for (const [name, run] of cases) {
    try {
      await run()
    } catch (error) {
      failures.push(`${name}: ${String(error)}`)
    }
  }
  const passed = cases.length - failures.length
  // The events are on their way.
  await new Promise((resolve) => setTimeout(resolve))
  if (violations > (wasm ? 0 : VIOLATIONS_MAX)) failures.push(`the policy was violated ${violations} times`)
  return { passed, failures }
}

/** Both are data, without order in objects that could differ. */
function same(actual: unknown, expected: unknown): void {
  const [is, ought] = [actual, expected].map((value) => JSON.stringify(value, readably))
  if (is !== ought) throw new Error(`${is?.slice(0, 500)} instead of ${ought?.slice(0, 500)}`)
}
function readably(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? `${value.length} bytes ${encodeHex(value.subarray(0, 1024))}` : value
}

/** That the policy is the one that this run is about, and that the chunker goes by it. */
function scannerCases(wasm: boolean): Case[] {
  return [
    ["WebAssembly is used where it is allowed", () => same(wasmScanner() !== undefined, wasm)],
    ["the scanner in JavaScript is always there", () => same(typeof scriptScanner().scan, "function")],
  ]
}

function cutCases(): Case[] {
  const { cuts } = cutVectors as CutVectors
  return cuts.map(({ input, lengths }) => [
    `chunks of ${JSON.stringify(input)}`,
    () => {
      const bytes = cutInput(input)
      const found: number[] = []
      const chunker = new Chunker((chunk) => void found.push(chunk.length))
      for (const piece of pieces(bytes, CHUNK_MAX - 1)) chunker.write(piece)
      chunker.end()
      same(found, lengths)
    },
  ])
}

type Written = { readonly type: string; readonly digest?: string; readonly size?: number }

function directoryCases(): Case[] {
  const read = ({ digest, ...node }: Written): Node =>
    ({ ...node, ...(digest === undefined ? {} : { digest: toDigest(decodeHex(digest)!, "digest") }) }) as Node
  return directoryVectors.directories.map(({ name, entries, encoded, digest }) => [
    `directory ${name}`,
    () => {
      const directory: Directory = {
        entries: entries.map(([entry, node]) => [entry as string, read(node as Written)]),
      }
      same(encodeHex(encodeDirectory(directory)), encoded)
      same(encodeHex(directoryDigest(directory)), digest)
      same(encodeHex(encodeDirectory(decodeDirectory(decodeHex(encoded)!))), encoded)
    },
  ])
}

const SCRIPT = "#!/bin/sh\n"

/** An archive with one of everything, and a file that is cut into several chunks. */
function exampleNar(): Uint8Array<ArrayBuffer> {
  const out: Uint8Array[] = []
  const writer = new NarWriter((bytes) => void out.push(bytes.slice()))
  const file = (contents: Uint8Array, executable: boolean): void => {
    writer.file(contents.length, executable)
    void writer.contents(contents)
  }
  writer.directory()
  writer.entry("bin")
  writer.directory()
  writer.entry("hello")
  file(bytesOf(SCRIPT), true)
  writer.endDirectory()
  writer.entry("empty")
  file(new Uint8Array(), false)
  writer.entry("large")
  file(noise(2_000_003), false)
  writer.entry("link")
  writer.symlink("bin/hello")
  // Bytes that are no UTF-8.
  writer.entry("\xff\xfe")
  writer.directory()
  writer.endDirectory()
  writer.endDirectory()
  void writer.end()
  return new Uint8Array(concat(out))
}

/** Puts the archive in a store of nothing else. */
async function storedExample(): Promise<{ nar: Uint8Array; store: Store; pathInfo: PathInfo }> {
  const nar = exampleNar()
  const store = memoryStore()
  const { node, narSize, narHash, references } = await ingestNar(pieces(nar, 10_000), store)
  const contentAddress = { method: "nar", hash: { algorithm: "sha256", digest: narHash } } as const
  const storePath = parseStorePath(contentAddressPath("example", contentAddress, { others: [], self: false }))
  const signatures = [
    await (await SecretKey.generate("page-1")).sign(fingerprint({ storePath, narHash, narSize, references })),
  ]
  const pathInfo = { storePath, node, references, narSize, narHash, signatures, contentAddress }
  await store.pathInfos.put(pathInfo)
  return { nar, store, pathInfo }
}

async function rendered(node: Node, store: Store): Promise<Uint8Array> {
  const out: Uint8Array[] = []
  for await (const piece of renderNar(node, store)) out.push(piece.slice())
  return concat(out)
}

/** RFC 8032 section 7.1, test 2. */
const RFC_KEY =
  "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb" +
  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
const RFC_SIGNATURE =
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"

/** What cache.nixos.org says of one path, and its key. */
const NAR_INFO = `StorePath: /nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-net-tools-1.60_p20170221182432
URL: nar/1094wph9z4nwlgvsd53abfz8i117ykiv5dwnq9nnhz846s7xqd7d.nar.xz
Compression: xz
FileHash: sha256:1094wph9z4nwlgvsd53abfz8i117ykiv5dwnq9nnhz846s7xqd7d
FileSize: 114980
NarHash: sha256:0lxjvvpr59c2mdram7ympy5ay741f180kv3349hvfc3f8nrmbqf6
NarSize: 464152
References: 7gx4kiv5m0i7d7qkixq2cwzbr10lvxwc-glibc-2.27
Deriver: 10dx1q4ivjb115y3h90mipaaz533nr0d-net-tools-1.60_p20170221182432.drv
Sig: cache.nixos.org-1:sn5s/RrqEI+YG6/PjwdbPjcAC7rcta7sJU4mFOawGvJBLsWkyLtBrT2EuFt/LJjWkTZ+ZWOI9NTtjo/woMdvAg==
`
const NIXOS_KEY = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

const CASES: readonly Case[] = [
  [
    "an evaluation writes to a store, and another reads there",
    async () => {
      const trees = memoryStore()
      const evaluated = async (program: string, files: Record<string, string>): Promise<unknown> => {
        const store = evaluationStore(async () => trees, { write: true })
        const evaluator = new Evaluator({ io: storeIo(memoryIo(files), store), builtins: storeBuiltins(store) })
        const value = await (await evaluator.evaluate(program)).toJS()
        await store.flush()
        return value
      }
      const program = 'builtins.toFile "list" "${/src} ${/src/a}"'
      const path = await evaluated(program, { "/src/a": "1", "/src/b": "2" })
      same(path, "/nix/store/0gzvwxxfgyzcn6kikn1li67y5bq7gzp7-list")
      same(await evaluated(`builtins.stringLength (builtins.readFile "${String(path)}")`, {}), 93)
    },
  ],
  [
    "BLAKE3 in one go and in pieces",
    () => {
      // 0, 1, … 250, again and again, as in the test vectors of BLAKE3's authors.
      const bytes = new Uint8Array(31_744).map((_, i) => i % 251)
      const expected = "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"
      same(encodeHex(hash("blake3", bytes)), expected)
      const hasher = startHash("blake3")
      for (const piece of pieces(bytes, 1000)) hasher.update(piece)
      same(encodeHex(hasher.digest()), expected)
    },
  ],
  [
    "an archive goes in and comes out again",
    async () => {
      const { nar, store, pathInfo } = await storedExample()
      same(pathInfo.narSize, nar.length)
      same(pathInfo.narHash, new Uint8Array(await crypto.subtle.digest("SHA-256", exampleNar())))
      const again = await rendered(pathInfo.node, store)
      same(again.length, nar.length)
      if (again.some((byte, i) => byte !== nar[i])) throw new Error("it has other bytes")
      await store.close()
    },
  ],
  [
    "any part of an archive",
    async () => {
      const { nar, store, pathInfo } = await storedExample()
      const file = await openNar(pathInfo.node, store)
      same(file.size, nar.length)
      for (const [from, to] of [
        [0, 24] as const,
        [1_000_000, 1_700_000] as const,
        [nar.length - 9, nar.length] as const,
      ]) {
        const part = concat(await Array.fromAsync(file.read({ from, to })))
        same(hash("sha256", part), hash("sha256", nar.subarray(from, to)))
      }
    },
  ],
  [
    "a path info is stored, listed and encoded",
    async () => {
      const { store, pathInfo } = await storedExample()
      same(await store.pathInfos.get(pathInfo.storePath.digest), pathInfo)
      same(await Array.fromAsync(store.pathInfos.list()), [pathInfo])
      same(encodeHex(encodePathInfo(decodePathInfo(encodePathInfo(pathInfo)))), encodeHex(encodePathInfo(pathInfo)))
      same(await store.nar.calculate(pathInfo.node), { narSize: pathInfo.narSize, narHash: pathInfo.narHash })
    },
  ],
  [
    "a path is copied to another store",
    async () => {
      const { nar, store, pathInfo } = await storedExample()
      const other = memoryStore()
      same((await copyPaths([pathInfo.storePath], store, other)).length, 1)
      same(hash("sha256", await rendered(pathInfo.node, other)), hash("sha256", nar))
    },
  ],
  [
    "an archive arrives as the stream of a Blob",
    async () => {
      const nar = exampleNar()
      const { narSize } = await ingestNar(new Blob([nar]).stream(), memoryStore())
      same(narSize, nar.length)
    },
  ],
  [
    "a tree is as deep as it likes",
    async () => {
      const depth = 100_000
      const store = memoryStore()
      const { node, narSize } = await ingestNar(deepNar(depth), store)
      let length = 0
      for await (const piece of renderNar(node, store)) length += piece.length
      same(length, narSize)
    },
  ],
  [
    "a signature of RFC 8032",
    async () => {
      const key = SecretKey.parse(`rfc-1:${encodeBase64(decodeHex(RFC_KEY)!)}`)
      const signature = await key.sign("\x72")
      same(encodeHex(signature.bytes), RFC_SIGNATURE)
      same(await verifySignature("\x72", signature, [key.publicKey]), true)
      same(await verifySignature("\x73", signature, [key.publicKey]), false)
    },
  ],
  [
    "a key made here signs, and no other key has",
    async () => {
      const [key, other] = await Promise.all([SecretKey.generate("k-1"), SecretKey.generate("k-1")])
      const signature = await SecretKey.parse(key.reveal()).sign("text")
      same(await verifySignature("text", signature, [key.publicKey]), true)
      same(await verifySignature("text", signature, [other.publicKey]), false)
    },
  ],
  [
    "a narinfo is read, verified and written",
    async () => {
      const info = parseNarInfo(NAR_INFO)
      same(formatNarInfo(info), NAR_INFO)
      const keys = [parsePublicKey(NIXOS_KEY)]
      for (const signature of info.signatures) {
        same(await verifySignature(fingerprint(info), signature, keys), true)
        same(await verifySignature(fingerprint({ ...info, narSize: 1 }), signature, keys), false)
      }
    },
  ],
]

function deepNar(depth: number): Uint8Array[] {
  const out: Uint8Array[] = []
  const writer = new NarWriter((bytes) => void out.push(bytes.slice()))
  for (let i = 0; i < depth; i++) {
    writer.directory()
    writer.entry("d")
  }
  writer.symlink("end")
  for (let i = 0; i < depth; i++) writer.endDirectory()
  void writer.end()
  return out
}

/** What is no archive any more is refused at the byte that makes it none, and leaves nothing behind. */
function refusalCases(): Case[] {
  const changed = (nar: Uint8Array, at: number): Uint8Array => nar.map((byte, i) => (i === at ? byte ^ 1 : byte))
  const example = exampleNar()
  const padding = byteStringFrom(example.subarray(0, 1000)).indexOf(SCRIPT) + SCRIPT.length
  const refusals: readonly (readonly [
    name: string,
    make: (nar: Uint8Array) => Uint8Array,
    code: string,
    at: number,
  ])[] = [
    ["another first word", (nar) => changed(nar, 12), "magic", 12],
    ["padding that is not zero", (nar) => changed(nar, padding), "padding", padding],
    ["an end that is missing", (nar) => nar.subarray(0, 1000), "truncated", 1000],
    ["a byte too many", (nar) => concat([nar, new Uint8Array(1)]), "trailing", example.length],
  ]
  return refusals.map(([name, make, code, offset]) => [
    `an archive with ${name}`,
    async () => {
      const store = memoryStore()
      const refused = await ingestNar([make(example)], store).catch((error: unknown) => error)
      if (!(refused instanceof NarError)) throw new Error(`not refused: ${String(refused)}`)
      same([refused.problem.code, refused.offset], [code, offset])
      const { node } = await ingestNar([example], memoryStore())
      same(node.type === "directory" && (await store.directories.get(node.digest)), undefined)
    },
  ])
}
