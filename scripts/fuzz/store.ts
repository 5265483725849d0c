/** Archives, narinfos and other records of stores, mutated: what must hold of any of them. */
import assert from "node:assert/strict"
import { byteStringFrom, bytesOf, concat } from "@tvix-ts/bytes"
import {
  ContentAddressError,
  formatContentAddress,
  formatListing,
  formatNarInfo,
  formatSignature,
  formatStorePath,
  formatStoreReference,
  JsonError,
  KeyError,
  NarError,
  NarInfoError,
  NarReader,
  NarWriter,
  parseContentAddress,
  parseListing,
  parseNarInfo,
  parsePathInfoJson,
  parseSignature,
  parseStorePath,
  parseStoreReference,
  pathInfoJson,
  StorePathError,
  StoreReferenceError,
} from "@tvix-ts/nix-compat"
import type { Dictionary } from "./mutate.ts"

const word = (text: string): string =>
  String.fromCharCode(text.length) + "\0".repeat(7) + text + "\0".repeat((8 - (text.length % 8)) % 8)
const words = (text: string): string => text.split(" ").map(word).join("")

export const ARCHIVE_DICTIONARY: Dictionary = {
  tokens: [
    ..."( ) type regular executable contents symlink target directory entry name node a . .. a/b a\0b"
      .split(" ")
      .map(word),
    word(""),
    words("( type directory"),
    words("entry ( name a node ( type symlink target x ) )"),
    "\0",
    "\0".repeat(8),
    "\xff".repeat(8),
    "\0\0\0\0\0\0\x20\0",
    "\0\x01\0\0\0\0\0\0",
  ],
  nests: [[words("( type directory entry ( name a node"), words(") )")]],
}

export function archiveSeeds(): string[] {
  const archive = (write: (nar: NarWriter) => void): string => {
    const pieces: Uint8Array[] = []
    write(new NarWriter((piece) => void pieces.push(piece.slice())))
    return byteStringFrom(concat(pieces))
  }
  const file = (nar: NarWriter, size: number, executable: boolean): void => {
    nar.file(size, executable)
    void nar.contents(new Uint8Array(size).fill(size))
  }
  return [
    archive((nar) => file(nar, 13, false)),
    archive((nar) => file(nar, 0, true)),
    archive((nar) => nar.symlink("../target")),
    archive((nar) => {
      nar.directory()
      nar.entry("a")
      file(nar, 300, true)
      nar.entry("b")
      nar.directory()
      nar.entry("Z")
      nar.symlink("x")
      nar.entry("\xc3\xa9")
      file(nar, 8, false)
      nar.endDirectory()
      nar.entry("c")
      nar.directory()
      nar.endDirectory()
      nar.endDirectory()
    }),
  ]
}

/** An archive is what it is, however it comes in pieces; and one that is read is written as it was. */
export function checkArchive(input: string): string | undefined {
  return caught(() => {
    const archive = bytesOf(input)
    const whole = copied(archive, archive.length || 1)
    for (const pieceLength of [1, 9, 64]) assert.deepEqual(copied(archive, pieceLength), whole)
    if (typeof whole !== "string") assert.deepEqual(whole, archive)
  })
}

/** The archive that the reader makes of it, or what is wrong. */
function copied(archive: Uint8Array, pieceLength: number): Uint8Array | string {
  const pieces: Uint8Array[] = []
  const writer = new NarWriter((piece) => void pieces.push(piece.slice()))
  const reader = new NarReader(writer)
  try {
    for (let at = 0; at < archive.length; at += pieceLength) void reader.write(archive.subarray(at, at + pieceLength))
    reader.end()
  } catch (error) {
    if (!(error instanceof NarError)) throw error
    assert.ok(error.offset <= archive.length, `byte ${error.offset} of ${archive.length}`)
    return error.message
  }
  void writer.end()
  return concat(pieces)
}

const PATH = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-bar"
const HASH = "sha256:1lr187v6dck1rjh2j6svpikcfz53wyl3qrlcbb405zlh13x0khhh"
const SIGNATURE = `cache-1:${"A".repeat(85)}A==`
const NAR_INFO = [
  `StorePath: ${PATH}`,
  "URL: nar/x.nar.xz",
  "Compression: xz",
  `FileHash: ${HASH}`,
  "FileSize: 1",
  `NarHash: ${HASH}`,
  "NarSize: 120",
  `References: ${PATH.slice(11)}`,
  `Deriver: ${PATH.slice(11)}.drv`,
  `Sig: ${SIGNATURE}`,
  `CA: fixed:r:${HASH}`,
  "",
].join("\n")

export const RECORD_DICTIONARY: Dictionary = {
  tokens: [
    ...NAR_INFO.split("\n").map((line) => `${line}\n`),
    ...'{}[]":,\n\0\xff'.split(""),
    ..."null true -1 1e999 9007199254740992 __proto__ constructor % %2 %00 ? & = // ://".split(" "),
    '"root":',
    '"entries":{"a":',
    PATH,
    HASH,
    SIGNATURE,
  ],
  nests: [
    ['{"version":1,"root":{"type":"directory","entries":{"a":', "}}}"],
    ['{"type":"directory","entries":{"a":', "}}"],
    ["[", "]"],
    ['{"a":', "}"],
  ],
}

export function recordSeeds(): string[] {
  const entries =
    '{"a":{"type":"regular","size":1,"executable":true,"narOffset":96},"b":{"type":"symlink","target":"a"}}'
  return [
    NAR_INFO,
    `{"version":1,"root":{"type":"directory","entries":${entries}}}`,
    `{"ca":"fixed:r:${HASH}","deriver":null,"narHash":"${HASH}","narSize":1,"references":["${PATH}"],"signatures":["a"]}`,
    `text:${HASH}`,
    SIGNATURE,
    PATH,
    "s3://bucket/a%20b?region=x&b=%26",
  ]
}

/** Each reader, the error that it may throw, and how to write what it read. */
const CODECS: readonly (readonly [read: (text: string) => unknown, Function, write: (value: never) => string])[] = [
  [(text) => parseNarInfo(text), NarInfoError, (value) => formatNarInfo(value)],
  [parseListing, JsonError, formatListing],
  [(text) => parsePathInfoJson(text), JsonError, (value) => JSON.stringify(pathInfoJson(value))],
  [parseContentAddress, ContentAddressError, formatContentAddress],
  [parseSignature, KeyError, formatSignature],
  [(text) => parseStorePath(text), StorePathError, (value) => formatStorePath(value)],
  [parseStoreReference, StoreReferenceError, formatStoreReference],
]

/** What any of the readers takes is written so that it is read again as the same. */
export function checkRecord(input: string): string | undefined {
  return caught(() => {
    for (const [read, expected, write] of CODECS) {
      let value: unknown
      try {
        value = read(input)
      } catch (error) {
        if (!(error instanceof expected)) throw error
        continue
      }
      const written = write(value as never)
      assert.equal(write(read(written) as never), written)
    }
  })
}

function caught(run: () => void): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as Error).stack ?? String(error)
  }
}
