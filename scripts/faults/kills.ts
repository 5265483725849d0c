/**
 * kill -9 at random moments of import, ingestion of an archive, copy, instantiation and garbage collection, alone and two at
 * a time.
 * After each: the store is whole, everything that was acknowledged and is wanted is there, and the next import succeeds.
 */
import { mkdirSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import type { Random } from "../random.ts"
import { killed, tvixStore, type Outcome } from "./command.ts"
import { randomTree } from "./trees.ts"

/** ms that an operation takes before anybody has seen it end. */
const FIRST_GUESS_MS = 700

export interface Campaign {
  readonly kills: number
  /** Those that came while the program was still running. */
  readonly inTime: number
  readonly acknowledged: number
  readonly problems: readonly string[]
}

type Operation = "import" | "ingest" | "copy" | "instantiate" | "gc"
const OPERATIONS: readonly Operation[] = ["import", "import", "ingest", "copy", "instantiate", "gc"]

/** Derivations in a row, more than are written at once, each with a text, and all with one tree. */
function programOf(tree: string, n: number): string {
  return `
    let
      d = i: derivation {
        name = "kill-${n}-\${toString i}"; system = "s"; builder = "b";
        text = builtins.toFile "text" "${n} \${toString i}";
        input = if i == 0 then "\${${tree}}" else d (i - 1);
      };
    in d 1500`
}

export async function killCampaign(dir: string, kills: number, random: Random): Promise<Campaign> {
  const store = `local://${join(dir, "store")}`
  const source = `local://${join(dir, "source")}`
  const copies = `local://${join(dir, "copies")}`
  const problems: string[] = []
  /** Store paths with a root: no collection may take them. */
  const wanted = new Set<string>()
  const copied = new Set<string>()
  const durations = new Map<Operation, number>()
  let trees = 0
  let inTime = 0

  const links = join(dir, "links")
  mkdirSync(links)

  const newTree = (): string => {
    const tree = join(dir, "trees", `tree-${trees++}`)
    mkdirSync(join(dir, "trees"), { recursive: true })
    randomTree(tree, random)
    return tree
  }
  const expectSuccess = (what: string, outcome: Outcome): Outcome => {
    if (outcome.status !== 0) problems.push(`${what} ended with ${outcome.status}: ${outcome.stderr.trim()}`)
    return outcome
  }
  // What is copied, and archives to ingest.
  const archives: string[] = []
  for (let i = 0; i < 6; i++) {
    const [path = ""] = expectSuccess("import", tvixStore(source, "import", newTree())).lines
    archives.push(join(dir, `archive-${i}.nar`))
    expectSuccess("nar", tvixStore(source, "nar", path, "-o", archives[i]!))
  }

  const words = (operation: Operation, n: number): { readonly store: string; readonly words: readonly string[] } => {
    switch (operation) {
      case "import":
        // One without a root now and then: work for the collector.
        return {
          store,
          words: ["import", newTree(), newTree(), ...(random.chance(0.7) ? ["--root", `kept-${n}`] : [])],
        }
      case "ingest": {
        const archive = random.pick(archives)
        return { store, words: ["import", "--nar", archive, "--name", `nar-${n}`, "--root", `nar-${n}`] }
      }
      case "copy":
        return { store: copies, words: ["copy", "--from", source, "--to", copies, "--all"] }
      case "instantiate":
        return { store, words: ["instantiate", "-E", programOf(newTree(), n), "--add-root", join(links, `link-${n}`)] }
      case "gc":
        return { store, words: ["gc", "--all", "--grace", "0"] }
    }
  }
  const attempt = async (operation: Operation, n: number): Promise<void> => {
    const command = words(operation, n)
    // Every fifth is left to end, which says how long it takes.
    const expected = durations.get(operation) ?? FIRST_GUESS_MS
    const limit = n % 5 === 4 ? 60_000 : random.fraction() * expected * 1.1
    const outcome = await killed(command.store, command.words, limit)
    if (outcome.signal === "SIGKILL") inTime++
    else {
      durations.set(operation, outcome.ms)
      expectSuccess(`kill ${n}, ${command.words.join(" ")}`, outcome)
    }
    if (operation === "instantiate") for (const link of outcome.lines) wanted.add(readlinkSync(link))
    if (command.words.includes("--root")) for (const path of outcome.lines) wanted.add(path)
    if (operation === "copy" && outcome.status === 0) for (const path of pathsOf(source)) copied.add(path)
  }
  const whole = (what: string, at: string, paths: ReadonlySet<string>): void => {
    const { stdout } = expectSuccess(`${what}: verify`, tvixStore(at, "verify", "--json"))
    // To verify it is worth no more than a note, since archives may refer to what nobody has. None of ours does.
    if (stdout.includes("reference-missing")) problems.push(`${what}: something refers to what is not there`)
    if (paths.size > 0) expectSuccess(`${what}: what was acknowledged`, tvixStore(at, "info", ...paths))
  }

  for (let n = 0; n < kills; n++) {
    const operation = random.pick(OPERATIONS)
    // A second one at the same time, one time in four: a collection beside an import is the hardest case.
    const second = random.chance(0.25) ? (operation === "gc" ? "import" : "gc") : undefined
    await Promise.all([attempt(operation, n), ...(second === undefined ? [] : [attempt(second, n + kills)])])
    whole(`kill ${n} of ${operation}`, store, wanted)
    if (operation === "copy") whole(`kill ${n} of copy`, copies, copied)
    expectSuccess(`kill ${n}: the next import`, tvixStore(store, "import", newTree()))
    if (problems.length > 10) break
  }
  return { kills, inTime, acknowledged: wanted.size + copied.size, problems }
}

/** The store paths in `store`. */
function pathsOf(store: string): readonly string[] {
  return tvixStore(store, "info", "--all").lines.filter((line) => line.startsWith("/nix/store/"))
}
