/** Builds on a server of the Remote Execution API: what comes out, what is executed twice, and what if the server dies. */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { output, run, type Outcome } from "../acceptance/program.ts"
import type { Tally } from "../acceptance/tally.ts"
import { fetchSources, judgedOutputs, SET_WORDS } from "../packages/set.ts"
import { ROOT } from "../toolchain.mjs"
import { Casd, installBuildbox, lacksForBuildbox } from "./buildbox.ts"

/** Executions after which the server is killed. */
const KILLED_AFTER = 5

interface Output {
  readonly attrPath: readonly string[]
  readonly path: string
}

export async function builtRemotely(tally: Tally, dir: string, quick: boolean): Promise<void> {
  tally.section("examples/packages, built by buildbox-casd")
  const lack = lacksForBuildbox()
  if (lack !== undefined) throw new Error(`buildbox-casd cannot run: ${lack}`)
  fetchSources()
  const root = await installBuildbox()
  const casd = await Casd.start(root, join(dir, "casd"))
  const build = (store: string, builder: Casd): Promise<Outcome> => {
    const settings = ["--no-link", "--json", "-q", "--builder", builder.address, "--store", join(dir, store)]
    return run([join(ROOT, "bin", "tvix"), "build", ...SET_WORDS, ...settings])
  }
  const seconds = ({ ms }: Outcome): string => `${(ms / 1000).toFixed(1)} s`
  try {
    // In the quick form this is the one that is disturbed.
    const first = quick ? await disturbed(tally, () => build("first", casd), casd) : await build("first", casd)
    if (!tally.check("everything is built", first.status === 0, first.error)) return
    const hashes = await compared(tally, join(dir, "first"), first.out)
    const { executed, kept, remembered } = casd.counts()
    if (!quick) tally.equal("each is executed once", executed, kept)

    const second = await build("second", casd)
    tally.equal("the same comes out of another empty store", second.out.replaceAll("/second/", "/first/"), first.out)
    tally.equal("with the same hashes", await hashesIn(join(dir, "second"), outputsOf(second.out)), hashes)
    tally.equal("nothing is executed then", casd.counts().executed - executed, 0)
    tally.equal("every action is answered from the cache", casd.counts().remembered - remembered, kept)
    tally.figure("examples/packages on buildbox-casd", `${seconds(first)}, from its cache ${seconds(second)}`)

    await casd.kill()
    const alone = await build("alone", casd)
    tally.equal("without the server it fails", alone.status, 1)
    tally.check("which is said plainly", /^error: .*no connection.*$/m.test(alone.error), alone.error)

    if (quick) return
    const other = await Casd.start(root, join(dir, "other"))
    try {
      const third = await disturbed(tally, () => build("third", other), other)
      if (!tally.check("everything is built though the server was killed", third.status === 0, third.error)) return
      tally.equal("and is the same", await hashesIn(join(dir, "third"), outputsOf(third.out)), hashes)
    } finally {
      await other.kill()
    }
  } finally {
    await casd.kill()
  }
}

/** Kills the server in the middle, and starts it again. */
async function disturbed(tally: Tally, build: () => Promise<Outcome>, casd: Casd): Promise<Outcome> {
  const state = { isOver: false }
  const building = build().finally(() => (state.isOver = true))
  while (!state.isOver && casd.counts().executed < KILLED_AFTER) await sleep(50)
  const wasInTime = !state.isOver
  await casd.kill()
  await casd.start()
  tally.check("the server is killed while it builds, and started again", wasInTime)
  return building
}

function outputsOf(json: string): readonly Output[] {
  return JSON.parse(json) as Output[]
}

async function hashesIn(store: string, outputs: readonly Output[]): Promise<readonly string[]> {
  const words = [join(ROOT, "bin", "nix-store"), "--store", store, "--query", "--hash"]
  return (await output([...words, ...outputs.map(({ path }) => path)])).split("\n")
}

/** Whether they are C++ Nix's. @returns their hashes */
async function compared(tally: Tally, store: string, json: string): Promise<readonly string[]> {
  const outputs = outputsOf(json)
  const hashes = await hashesIn(store, outputs)
  const judged = judgedOutputs(outputs.map(({ attrPath }) => attrPath.join(".")))
  if (judged === undefined) throw new Error("there is no nix-build beside that may build")
  for (const [i, { attrPath, path }] of outputs.entries()) {
    tally.equal(`${attrPath.join(".")} is C++ Nix's`, [path, hashes[i]], [judged[i]!.path, judged[i]!.narHash])
  }
  return hashes
}
