/** C++ Nix reads what we write, and we what it writes. Everything happens in a temporary folder, stores included. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { byteStringFrom } from "@tvix-ts/bytes"
import { hash } from "@tvix-ts/hash"
import {
  checkDerivation,
  contentAddressPath,
  DERIVATION_SUFFIX,
  derivationHashes,
  derivationJson,
  derivationsJson,
  fingerprint,
  formatListing,
  formatNarInfo,
  formatPublicKey,
  formatStorePath,
  NarLister,
  NarReader,
  NarWriter,
  parseAterm,
  parseDerivationJson,
  parseNarInfo,
  parsePublicKey,
  parseStorePathBase,
  SecretKey,
  verifySignature,
  writeAterm,
  type Derivation,
  type DerivationHashes,
  type NarInfo,
  type NarSink,
} from "@tvix-ts/nix-compat"
import { oracleProgram } from "../oracle.ts"
import { Random } from "../random.ts"
import type { Case } from "./main.ts"

interface Tree {
  readonly file?: { readonly contents: Buffer; readonly executable: boolean }
  readonly target?: string
  readonly entries?: ReadonlyMap<string, Tree>
}

export function interopCases(
  oracle: readonly string[],
  { trees, seed }: { readonly trees: number; readonly seed: number },
): Case[] {
  const nix = new Peer(oracle)
  return [
    ...Array.from({ length: trees }, (_, i) => ({
      name: `random tree ${seed + i}`,
      run: () => nix.inFolder((folder) => compareTree(nix, folder, randomTree(new Random(seed + i), 3))),
    })),
    { name: "keys of theirs", run: () => nix.inFolder((folder) => compareKeys(nix, folder)) },
    { name: "derivations of theirs", run: () => nix.inFolder((folder) => compareDerivations(nix, folder)) },
    {
      name: "a binary cache, signed by them and by us",
      run: () => nix.inFolder((folder) => compareCache(nix, folder)),
    },
  ]
}

class Peer {
  readonly #oracle: readonly string[]
  constructor(oracle: readonly string[]) {
    this.#oracle = oracle
  }

  run(program: string, args: readonly string[], folder: string, input?: Uint8Array): Buffer {
    const [command = "", ...words] = oracleProgram(this.#oracle, program)
    const flags = program === "nix" ? ["--extra-experimental-features", "nix-command"] : []
    return execFileSync(command, [...words, ...flags, ...args], {
      cwd: folder,
      env: { ...process.env, NIX_REMOTE: "" },
      stdio: ["pipe", "pipe", "pipe"],
      ...(input !== undefined && { input }),
      maxBuffer: 2 ** 28,
    })
  }

  async inFolder(run: (folder: string) => void | Promise<void>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "store-vectors-"))
    try {
      await run(folder)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
}

const NAMES = ["a", "A", "b b", "Z", ".x", "...", "é", "zz", "10", "9", "~", "x".repeat(255)]
const LENGTHS = [0, 1, 7, 8, 9, 100, 16_383, 16_384, 65_535, 65_536, 65_537, 200_001]

function randomTree(random: Random, depth: number): Tree {
  switch (random.below(depth > 0 ? 5 : 3)) {
    case 0:
      return { target: random.pick(["a", "../b", "/nix/store", "é", "x".repeat(4000)]) }
    case 1:
    case 2: {
      const contents = Buffer.alloc(random.pick(LENGTHS), random.below(256))
      return { file: { contents, executable: random.below(2) === 0 } }
    }
    default: {
      const entries = Array.from(
        { length: random.below(6) },
        () => [random.pick(NAMES), randomTree(random, depth - 1)] as const,
      )
      return { entries: new Map(entries) }
    }
  }
}

function writeTree({ file, target, entries }: Tree, path: string): void {
  if (file !== undefined) writeFileSync(path, file.contents, { mode: file.executable ? 0o755 : 0o644 })
  else if (target !== undefined) symlinkSync(target, path)
  else {
    mkdirSync(path)
    for (const [name, node] of entries!) writeTree(node, join(path, name))
  }
}

function visit({ file, target, entries }: Tree, sink: NarSink): void {
  if (file !== undefined) {
    sink.file(file.contents.length, file.executable)
    void sink.contents(file.contents)
  } else if (target !== undefined) {
    sink.symlink(Buffer.from(target).toString("latin1"))
  } else {
    sink.directory()
    const named = [...entries!].map(([name, node]) => [Buffer.from(name).toString("latin1"), node] as const)
    for (const [name, node] of named.sort(([a], [b]) => (a < b ? -1 : 1))) {
      sink.entry(name)
      visit(node, sink)
    }
    sink.endDirectory()
  }
}

function archiveOf(tree: Tree): Buffer {
  const pieces: Uint8Array[] = []
  const writer = new NarWriter((piece) => void pieces.push(piece.slice()))
  visit(tree, writer)
  void writer.end()
  return Buffer.concat(pieces)
}

function listingOf(archive: Uint8Array): string {
  const lister = new NarLister()
  const reader = new NarReader(lister)
  void reader.write(archive)
  reader.end()
  return formatListing(lister.listing!)
}

function compareTree(nix: Peer, folder: string, tree: Tree): void {
  writeTree(tree, join(folder, "tree"))
  const archive = archiveOf(tree)
  assert.ok(archive.equals(nix.run("nix-store", ["--dump", "tree"], folder)), "the archives differ")
  nix.run("nix-store", ["--restore", "restored"], folder, archive)
  assert.ok(archive.equals(nix.run("nix-store", ["--dump", "restored"], folder)), "what they made of ours differs")

  writeFileSync(join(folder, "tree.nar"), archive)
  const theirs: unknown = JSON.parse(nix.run("nix", ["nar", "ls", "--json", "-R", "tree.nar", "/"], folder).toString())
  assert.deepEqual(JSON.parse(listingOf(archive)), { root: theirs, version: 1 })
}

function compareKeys(nix: Peer, folder: string): void {
  nix.run("nix-store", ["--generate-binary-cache-key", "cache.example.org-1", "secret", "public"], folder)
  const read = (name: string): string => readFileSync(join(folder, name), "latin1")
  const key = SecretKey.parse(read("secret"))
  assert.equal(key.reveal(), read("secret"))
  assert.equal(formatPublicKey(key.publicKey), read("public"))
  assert.deepEqual(parsePublicKey(read("public")), key.publicKey)
}

/** Every kind of output, and every kind of text. */
const DERIVATIONS = String.raw`
  let
    source = builtins.toFile "source" "contents";
    fixed = name: mode: algo: hash: derivation {
      inherit name; system = "s"; builder = "b"; outputHashMode = mode; outputHashAlgo = algo; outputHash = hash;
    };
    md5 = fixed "md5" "flat" "md5" "d41d8cd98f00b204e9800998ecf8427e";
    tree = fixed "tree" "recursive" "sha256" "0000000000000000000000000000000000000000000000000000";
    many = derivation {
      name = "many"; system = "x86_64-linux"; builder = source; outputs = [ "out" "dev" ];
      args = [ "\\" "\"" "\n\r\t" "é" "" ]; inherit md5; "10" = 1; "9" = null; __proto__ = true;
    };
    floating = derivation {
      name = "floating"; system = "s"; builder = "b"; outputs = [ "out" "lib" ];
      __contentAddressed = true; outputHashMode = "recursive"; outputHashAlgo = "sha512";
    };
    impure = derivation {
      name = "impure"; system = "s"; builder = "b"; __impure = true; outputHashMode = "flat"; outputHashAlgo = "sha1";
    };
    hashed = fixed "hashed" "flat" "blake3" "0000000000000000000000000000000000000000000000000000";
    git = fixed "git" "git" "sha1" "0000000000000000000000000000000000000000";
    text = fixed "text" "text" "sha256" "0000000000000000000000000000000000000000000000000000";
    deferred = derivation { name = "deferred"; system = "s"; builder = floating.lib; inherit impure hashed git text; };
  in derivation {
    name = "all"; system = "s"; builder = "b"; __structuredAttrs = true; outputs = [ "out" "doc" ];
    inputs = [ many.dev tree source deferred ]; numbers = [ 1 9007199254740993 1.5 1.0 1.0e-7 1.0e100 ]; empty = { }; text = "é\"\n";
    outputChecks.out.maxSize = 1;
  }
`

const EXPERIMENTS = [
  "--extra-experimental-features",
  "ca-derivations impure-derivations dynamic-derivations git-hashing blake3-hashes",
]

/** What they write is read, written again as it was, has the paths that it says, and shown as they show it. */
function compareDerivations(nix: Peer, folder: string): void {
  const store = join(folder, "store")
  nix.run("nix-instantiate", ["--store", store, ...EXPERIMENTS, "-E", DERIVATIONS], folder)
  const files = globSync("*.drv", { cwd: join(store, "nix", "store") }).sort()
  assert.equal(files.length, 10)
  const derivations = new Map<string, Derivation>()
  for (const file of files) {
    const text = readFileSync(join(store, "nix", "store", file), "latin1")
    const derivation = parseAterm(text, parseStorePathBase(file).name.slice(0, -DERIVATION_SUFFIX.length))
    assert.equal(writeAterm(derivation), text)
    derivations.set(`/nix/store/${file}`, derivation)
  }
  const hashesOfInput = (path: string): DerivationHashes => derivationHashes(derivations.get(path)!, hashesOfInput)
  for (const [path, derivation] of derivations) {
    assert.deepEqual(checkDerivation(derivation, { path, hashesOfInput }), [])
    assert.deepEqual(parseDerivationJson(derivationJson(derivation)), derivation)
  }
  const show = (...flags: string[]): string =>
    byteStringFrom(
      nix.run("nix", ["derivation", "show", "--store", store, ...EXPERIMENTS, ...flags, ...derivations.keys()], folder),
    ).trimEnd()
  assert.equal([...derivationsJson(derivations)].join(""), show())
  assert.equal([...derivationsJson(derivations, { indent: 2 })].join(""), show("--pretty"))
}

async function compareCache(nix: Peer, folder: string): Promise<void> {
  const store = ["--store", join(folder, "store")]
  const tree: Tree = { entries: new Map([["f", { file: { contents: Buffer.from("hello"), executable: true } }]]) }
  writeTree(tree, join(folder, "tree"))
  const path = nix
    .run("nix-store", [...store, "--add", "tree"], folder)
    .toString()
    .trim()
  nix.run("nix-store", ["--generate-binary-cache-key", "theirs-1", "secret", "public"], folder)
  const cache = join(folder, "cache")
  const url = `file://${cache}?compression=none&write-nar-listing=true&secret-key=${join(folder, "secret")}`
  nix.run("nix", ["copy", "--from", join(folder, "store"), "--to", url, path], folder)

  // Theirs, read by us.
  const [narInfoPath = ""] = globSync(join(cache, "*.narinfo"))
  const text = readFileSync(narInfoPath, "latin1")
  const info = parseNarInfo(text)
  assert.equal(formatNarInfo(info), text)
  assert.equal(formatStorePath(info.storePath), path)
  assert.equal(contentAddressPath("tree", info.contentAddress!), path)
  const archive = readFileSync(join(cache, info.url))
  assert.ok(archive.equals(archiveOf(tree)))
  assert.deepEqual(info.narHash, hash("sha256", archive))
  assert.equal(info.narSize, archive.length)
  const [listingPath = ""] = globSync(join(cache, "*.ls"))
  assert.deepEqual(JSON.parse(listingOf(archive)), JSON.parse(readFileSync(listingPath, "utf8")))
  const theirKey = parsePublicKey(readFileSync(join(folder, "public"), "latin1"))
  assert.ok(await verifySignature(fingerprint(info), info.signatures[0]!, [theirKey]))

  // Ours, read by them. Without a content address, the signature is all that they have to go by.
  const key = await SecretKey.generate("ours-1")
  const { contentAddress: _, ...signed } = info
  const verify = async (what: NarInfo): Promise<void> => {
    const signature = await key.sign(fingerprint(what))
    writeFileSync(narInfoPath, formatNarInfo({ ...signed, signatures: [signature] }), "latin1")
    const keys = ["--option", "trusted-public-keys", formatPublicKey(key.publicKey)]
    nix.run("nix", ["store", "verify", "--store", `file://${cache}`, ...keys, "--sigs-needed", "1", path], folder)
  }
  await verify(signed)
  const theirStderr = await verify({ ...signed, narSize: signed.narSize + 1 }).then(
    () => assert.fail("they take a signature of something else"),
    (error: unknown) => byteStringFrom((error as { stderr: Uint8Array }).stderr),
  )
  assert.match(theirStderr, /untrusted/)
}
