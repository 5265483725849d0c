/** What all parts of the acceptance move about: a closure that C++ Nix built and signed. */
import { join } from "node:path"
import { buildClosure, type Closure, type ClosureShape } from "./closures.ts"
import { NixClient, type NixVersion } from "./nix.ts"
import { makeKey, type CacheKey } from "./server.ts"

export interface World {
  readonly dir: string
  readonly nixes: readonly NixVersion[]
  /** Whose store has it. */
  readonly maker: NixClient
  /** What it is signed with. */
  readonly makerKey: CacheKey
  /** What our servers sign with. */
  readonly cacheKey: CacheKey
  /** Nobody trusts it. */
  readonly strangerKey: CacheKey
  readonly closure: Closure
  /** A smaller one; the same where that is small. */
  readonly compact: Closure
  /** A small one of its store paths, that refers to nothing. */
  readonly leaf: string
  /** One that nobody signed, and that refers to nothing. */
  readonly unsigned: string
}

/** For what takes long. */
export const COMPACT = { paths: 50, bytes: 24 * 2 ** 20 }

export async function makeWorld(dir: string, nixes: readonly NixVersion[], shape: ClosureShape): Promise<World> {
  const maker = new NixClient(nixes[0]!, join(dir, "maker"))
  const [makerKey, cacheKey, strangerKey] = await Promise.all(
    ["maker-1", "cache-1", "stranger-1"].map((name) => makeKey(dir, name)),
  )
  const closure = await buildClosure(maker, join(dir, "expression"), shape)
  const compact =
    shape.bytes <= COMPACT.bytes
      ? closure
      : await buildClosure(maker, join(dir, "compact"), { ...COMPACT, name: "compact" })
  for (const { top } of new Set([closure, compact])) {
    // oxlint-disable-next-line no-await-in-loop -- two
    await maker.output("nix", "store", "sign", "--key-file", makerKey!.secretFile, "--recursive", top)
  }
  const leaves: { readonly path: string; readonly size: number }[] = []
  for (const path of closure.paths) {
    // oxlint-disable-next-line no-await-in-loop -- sixty
    const [references, size] = await Promise.all(
      ["--references", "--size"].map((question) => maker.output("nix-store", "--query", question, path)),
    )
    if (references === "" || references === path) leaves.push({ path, size: Number(size) })
  }
  // What is nearly empty has the same archive as others, which then is there already.
  const leaf = leaves.filter(({ size }) => size > 50_000).toSorted((a, b) => a.size - b.size)[0]!.path
  const unsigned = (await buildClosure(maker, join(dir, "unsigned"), { paths: 1, bytes: 0, name: "unsigned" })).top
  return {
    dir,
    nixes,
    maker,
    makerKey: makerKey!,
    cacheKey: cacheKey!,
    strangerKey: strangerKey!,
    closure,
    compact,
    leaf,
    unsigned,
  }
}
