/** The data of libstore-tests: each file is read, compared with what the C++ test makes it from, and written again. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { byteStringFrom, utf8 } from "@tvix-ts/bytes"
import { hash, parseSriHash, type HashAlgorithm } from "@tvix-ts/hash"
import {
  contentAddressPath,
  formatContentAddress,
  formatStorePath,
  formatStoreReference,
  parseContentAddress,
  parsePathInfoJson,
  parseStorePath,
  parseStoreReference,
  pathInfoJson,
  type ContentAddress,
  type DescribedPath,
  type HashMethod,
  type StoreReference,
} from "@tvix-ts/nix-compat"
import type { Case } from "./main.ts"

export function recordCases(folder: string): Case[] {
  const read = (name: string): Buffer => readFileSync(join(folder, name))
  return [
    ...Object.entries(DESCRIBED).map(([name, described]) => ({
      name,
      run() {
        const text = read(name).toString()
        assert.deepEqual(parsePathInfoJson(text), described)
        assert.equal(`${JSON.stringify(pathInfoJson(described), undefined, 2)}\n`, text)
      },
    })),
    ...Object.entries(REFERENCES).map(([name, [reference, isShort]]) => ({
      name: `store-reference/${name}`,
      run() {
        const text = read(`store-reference/${name}.txt`).toString()
        assert.deepEqual(parseStoreReference(text), reference)
        if (!isShort) assert.equal(formatStoreReference(reference), text)
      },
    })),
    ...["common", "serve", "worker"].flatMap((protocol) => [
      {
        name: `${protocol}-protocol/content-address`,
        run() {
          const texts = strings(read(`${protocol}-protocol/content-address.bin`))
          assert.deepEqual(texts.map(parseContentAddress), ADDRESSES)
          assert.deepEqual(ADDRESSES.map(formatContentAddress), texts)
        },
      },
      {
        name: `${protocol}-protocol/store-path`,
        run() {
          const texts = strings(read(`${protocol}-protocol/store-path.bin`))
          const paths = ["foo", "foo-bar"].map((name) => ({ digest: DIGEST, name }))
          assert.deepEqual(
            texts.map((text) => parseStorePath(text)),
            paths,
          )
          assert.deepEqual(
            paths.map((path) => formatStorePath(path)),
            texts,
          )
        },
      },
    ]),
  ]
}

const DIGEST = "g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q"
const address = (method: HashMethod, algorithm: HashAlgorithm, text: string): ContentAddress => ({
  method,
  hash: { algorithm, digest: hash(algorithm, utf8(text)) },
})
const ARCHIVE = address("nar", "sha256", "(...)")
const ADDRESSES = [address("text", "sha256", "Derive(...)"), address("flat", "sha1", "blob blob..."), ARCHIVE]

const { digest: NAR_HASH } = parseSriHash("sha256-FePFYIlMuycIXPZbWi7LGEiMmZSX9FMbaQenWBzm1Sc=")
const BAR = { digest: DIGEST, name: "bar" }
const FOO = parseStorePath(contentAddressPath("foo", ARCHIVE, { others: [formatStorePath(BAR)], self: true }))
const EMPTY: DescribedPath = { narHash: NAR_HASH, narSize: 0, references: [] }
const PURE: DescribedPath = { narHash: NAR_HASH, narSize: 34_878, references: [BAR, FOO], contentAddress: ARCHIVE }
const IMPURE = {
  deriver: { digest: DIGEST, name: "bar.drv" },
  registrationTime: 23_423,
  ultimate: true,
  signatures: ["asdf", "qwer"],
}
const DESCRIBED: Readonly<Record<string, DescribedPath>> = {
  "path-info/empty_pure.json": EMPTY,
  "path-info/empty_impure.json": { ...EMPTY, impure: { ultimate: false, signatures: [] } },
  "path-info/pure.json": PURE,
  "path-info/impure.json": { ...PURE, impure: IMPURE },
  "nar-info/pure.json": PURE,
  "nar-info/impure.json": {
    ...PURE,
    impure: {
      ...IMPURE,
      url: "nar/1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3.nar.xz",
      compression: "xz",
      downloadHash: NAR_HASH,
      downloadSize: 4_029_176,
    },
  },
}

const specified = (scheme: string, authority: string, parameters: Record<string, string>): StoreReference => ({
  type: "specified",
  scheme,
  authority,
  parameters: new Map(Object.entries(parameters)),
})
const LOCAL_1 = specified("local", "", { root: "/foo/bar/baz" })
const LOCAL_2 = specified("local", "/foo/bar/baz", { trusted: "true" })
const UNIX = specified("unix", "", { "max-connections": "7", trusted: "true" })
/** With whether the file has it in short, which is only read. */
const REFERENCES: Readonly<Record<string, readonly [StoreReference, isShort: boolean]>> = {
  auto: [{ type: "auto", parameters: new Map() }, false],
  auto_param: [{ type: "auto", parameters: new Map([["root", "/foo/bar/baz"]]) }, false],
  local_1: [LOCAL_1, false],
  local_2: [LOCAL_2, false],
  local_shorthand_1: [LOCAL_1, true],
  local_shorthand_2: [LOCAL_2, true],
  unix: [UNIX, false],
  unix_shorthand: [UNIX, true],
  ssh: [specified("ssh", "localhost", {}), false],
}

/** Strings as protocols and archives have them: a length, the bytes, and zeros up to a multiple of 8. */
function strings(bytes: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at))
    found.push(byteStringFrom(bytes.subarray(at + 8, at + 8 + length)))
    at += 8 + Math.ceil(length / 8) * 8
  }
  return found
}
