/** What a build left behind, as path infos, once it is what its derivation promises (libstore/build/derivation-check.cc). */
import { equal } from "@tvix-ts/bytes"
import type { BuildOutput, BuildRequest } from "@tvix-ts/build"
import type { Node } from "@tvix-ts/castore"
import { startHash, type Hash } from "@tvix-ts/hash"
import {
  formatStorePath,
  parseStorePath,
  storePathBase,
  type ContentAddress,
  type Derivation,
  type DerivationOptions,
  type DerivationOutput,
  type OutputChecks,
  type Reference,
} from "@tvix-ts/nix-compat"
import { writeNar, type PathInfo, type Store } from "@tvix-ts/store"
import type { BuildInputs } from "./inputs.ts"
import { RealiseError } from "./problem.ts"

export interface Built {
  /** Path of the derivation, a byte string. */
  readonly path: string
  readonly derivation: Derivation
  readonly options: DerivationOptions
  readonly inputs: BuildInputs
  readonly request: BuildRequest
  /** In the order of the request. */
  readonly outputs: readonly BuildOutput[]
}

type FixedOutput = DerivationOutput & { readonly kind: "fixed" }

/**
 * The path infos of the outputs, whatever is referred to first.
 *
 * @throws {RealiseError} for what is not as promised
 */
export async function describeOutputs(built: Built, store: Store, signal: AbortSignal): Promise<readonly PathInfo[]> {
  const { path, derivation, options, request, outputs } = built
  const names = outputNames(derivation)
  const found = new Map<string, PathInfo>()
  // Of each needle, whose digest it is.
  const needles = new Map(
    [...built.inputs.keys(), ...names.keys()].map((known) => [parseStorePath(known).digest, known]),
  )
  for (const output of outputs) {
    const outputPath = `/${output.path}`
    const name = names.get(outputPath)!
    const promise = derivation.outputs.get(name)!
    const isScanned = options.unsafeDiscardReferences.get(name) !== true
    const references = isScanned ? output.needles.map((i) => needles.get(request.needles[i]!)!) : []
    const { narSize, narHash } = await store.nar.calculate(output.node, { signal })
    const contentAddress =
      promise.kind === "fixed" ? await checkFixed(built, promise, output.node, references, store, signal) : undefined
    found.set(name, {
      storePath: parseStorePath(outputPath),
      node: output.node,
      references: references.map((reference) => parseStorePath(reference)).sort(byBase),
      narSize,
      narHash,
      signatures: [],
      deriver: parseStorePath(path),
      ...(contentAddress !== undefined && { contentAddress }),
    })
  }
  const ordered = referredFirst(path, found)
  for (const [name, pathInfo] of found) {
    const { outputChecks } = options
    const checks = outputChecks.scope === "all" ? outputChecks.checks : outputChecks.checks.get(name)
    if (checks !== undefined) new OutputChecker(built, found, pathInfo).check(name, checks)
  }
  return ordered
}

/** By path. */
function outputNames({ outputs }: Derivation): Map<string, string> {
  return new Map([...outputs].flatMap(([name, output]) => ("path" in output ? [[output.path, name] as const] : [])))
}

function byBase(a: PathInfo["storePath"], b: PathInfo["storePath"]): number {
  return storePathBase(a) < storePathBase(b) ? -1 : 1
}

async function checkFixed(
  { path }: Built,
  { method, hash, path: outputPath }: FixedOutput,
  node: Node,
  references: readonly string[],
  store: Store,
  signal: AbortSignal,
): Promise<ContentAddress> {
  if (method !== "nar" && (node.type !== "file" || node.executable)) {
    throw new RealiseError({ code: "not-flat", path: outputPath })
  }
  // Before the hash: whoever promises another one has the same to mend.
  if (references.length > 0) throw new RealiseError({ code: "fixed-references", derivation: path, references })
  const got: Hash = { algorithm: hash.algorithm, digest: await hashOutput(node, method, hash.algorithm, store, signal) }
  if (!equal(got.digest, hash.digest)) {
    throw new RealiseError({ code: "hash-mismatch", derivation: path, specified: hash, got })
  }
  return { method, hash }
}

async function hashOutput(
  node: Node,
  method: FixedOutput["method"],
  algorithm: Hash["algorithm"],
  store: Store,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const hasher = startHash(algorithm)
  if (method === "nar") await writeNar(node, store, (bytes) => void hasher.update(bytes), { signal })
  else if (node.type === "file") {
    for await (const piece of (await store.blobs.read(node.digest, { signal, fleeting: true })) ?? [])
      hasher.update(piece)
  }
  return hasher.digest()
}

/** The outputs, each after those that it refers to. @throws {RealiseError} `cycle` */
function referredFirst(derivation: string, outputs: ReadonlyMap<string, PathInfo>): readonly PathInfo[] {
  const names = new Map([...outputs].map(([name, { storePath }]) => [storePath.digest, name]))
  const ordered: PathInfo[] = []
  const begun = new Map<string, "open" | "done">()
  // As deep as a derivation has outputs.
  const visit = (output: string, from: string): void => {
    const state = begun.get(output)
    if (state === "open") throw new RealiseError({ code: "cycle", derivation, output, from })
    if (state === "done") return
    begun.set(output, "open")
    const pathInfo = outputs.get(output)!
    for (const { digest } of pathInfo.references) {
      const name = names.get(digest)
      if (name !== undefined && name !== output) visit(name, output)
    }
    begun.set(output, "done")
    ordered.push(pathInfo)
  }
  for (const name of outputs.keys()) visit(name, name)
  return ordered
}

/** Checks one output of a derivation that says what its outputs may be. */
class OutputChecker {
  readonly #built: Built
  /** By name. */
  readonly #outputs: ReadonlyMap<string, PathInfo>
  readonly #pathInfo: PathInfo
  readonly #path: string

  constructor(built: Built, outputs: ReadonlyMap<string, PathInfo>, pathInfo: PathInfo) {
    this.#built = built
    this.#outputs = outputs
    this.#pathInfo = pathInfo
    this.#path = formatStorePath(pathInfo.storePath)
  }

  check(name: string, checks: OutputChecks): void {
    const { maxSize, maxClosureSize, ignoreSelfReferences } = checks
    const { narSize, references } = this.#pathInfo
    if (maxSize !== undefined && narSize > maxSize) {
      reject(`path '${this.#path}' is too large at ${narSize} bytes; limit is ${maxSize} bytes`)
    }
    const closure = this.#closure()
    if (maxClosureSize !== undefined) {
      let size = 0
      for (const member of closure.values()) size += member.narSize
      if (size > maxClosureSize) {
        reject(`closure of path '${this.#path}' is too large at ${size} bytes; limit is ${maxClosureSize} bytes`)
      }
    }
    const used = references.map((reference) => formatStorePath(reference))
    const required = [...closure.keys()].filter((path) => !ignoreSelfReferences || path !== this.#path)
    const { allowedReferences, allowedRequisites, disallowedReferences, disallowedRequisites } = checks
    if (allowedReferences !== undefined) this.#refuse(used, true, this.#resolve(name, allowedReferences))
    if (allowedRequisites !== undefined) this.#refuse(required, true, this.#resolve(name, allowedRequisites))
    this.#refuse(used, false, this.#resolve(name, disallowedReferences))
    this.#refuse(required, false, this.#resolve(name, disallowedRequisites))
  }

  #refuse(used: readonly string[], allowed: boolean, named: ReadonlySet<string>): void {
    const bad = used.filter((path) => named.has(path) !== allowed).sort()
    if (bad.length === 0) return
    reject(
      `output '${this.#path}' is not allowed to refer to the following paths:${bad.map((path) => `\n  ${path}`).join("")}`,
    )
  }

  #resolve(name: string, references: readonly Reference[]): Set<string> {
    const paths = new Set<string>()
    for (const reference of references) {
      if (reference.kind === "path") paths.add(reference.path)
      if (reference.kind !== "output") continue
      const output = this.#outputs.get(reference.output)
      if (output === undefined) {
        const known = [...this.#outputs.keys()].sort().join(", ")
        reject(
          `derivation '${this.#built.path}' output check for '${name}' contains output name '${reference.output}', but this is not a valid output of this derivation. (Valid outputs are [${known}].)`,
        )
      }
      paths.add(formatStorePath(output.storePath))
    }
    return paths
  }

  /** What the output refers to, directly or not, itself among it: all is an input, or another output. */
  #closure(): Map<string, PathInfo> {
    const own = new Map([...this.#outputs.values()].map((output) => [formatStorePath(output.storePath), output]))
    const closure = new Map([[this.#path, this.#pathInfo]])
    // A map goes on with what is added meanwhile.
    for (const { references } of closure.values()) {
      for (const reference of references) {
        const path = formatStorePath(reference)
        if (!closure.has(path)) closure.set(path, own.get(path) ?? this.#built.inputs.get(path)!)
      }
    }
    return closure
  }
}

function reject(reason: string): never {
  throw new RealiseError({ code: "output-rejected", reason })
}
