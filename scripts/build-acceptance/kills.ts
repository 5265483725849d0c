/** kill -9 in the middle of builds: nothing is registered that is not whole, and the next run goes on. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { setTimeout as sleep } from "node:timers/promises"
import { output, run } from "../acceptance/program.ts"
import type { Tally } from "../acceptance/tally.ts"
import type { Random } from "../random.ts"
import { ROOT } from "../toolchain.mjs"

const TVIX = join(ROOT, "bin", "tvix")
const TVIX_STORE = join(ROOT, "bin", "tvix-store")
const COUNT = 60

/** Each needs one or two before it, takes a moment, and has an output of 200 KB and a link to what it needs. */
const PROGRAM = `
  let
    at = i: builtins.elemAt all i;
    all = builtins.genList (i: derivation {
      name = "part-\${toString i}";
      system = builtins.currentSystem;
      builder = "/bin/sh";
      needs = if i == 0 then [ ] else [ (at (i - 1 - i / 3)) (at (i / 2)) ];
      args = [ "-c" ''
        mkdir $out
        yes \${toString i} | head -c 200000 > $out/first
        sleep 0.05
        for need in $needs; do ln -s $need $out/$(basename $need); done
        yes last | head -c 1000 > $out/last
      '' ];
    }) ${COUNT};
  in all`

export async function killedWhileBuilding(tally: Tally, dir: string, rounds: number, random: Random): Promise<void> {
  tally.section(`kill -9 in the middle of builds, ${rounds} times`)
  const build = (store: string): string[] => [TVIX, "build", "-E", PROGRAM, "--no-link", "--json", "--store", store]
  const undisturbed = `local://${join(dir, "undisturbed")}`
  await output(build(undisturbed))
  const expected = new Map([...(await registered(undisturbed))].filter(([path]) => /-part-\d+$/.test(path)))
  tally.equal("everything is built, undisturbed", expected.size, COUNT)
  let inTime = 0
  let between = 0
  const problems: string[] = []
  for (let round = 0; inTime < rounds && round < rounds * 4; round++) {
    const folder = join(dir, `store-${Math.floor(round / 5)}`)
    const store = `local://${folder}`
    const [command, ...words] = build(store)
    const child = spawn(command!, words, { stdio: "ignore" })
    const ended = once(child, "exit")
    // oxlint-disable-next-line no-await-in-loop
    await sleep(random.between(300, 2500))
    if (child.exitCode === null) inTime++
    child.kill("SIGKILL")
    // oxlint-disable-next-line no-await-in-loop
    await ended
    if (!existsSync(folder)) continue
    // oxlint-disable-next-line no-await-in-loop
    const { status, out, error } = await run([TVIX_STORE, "--store", store, "verify"])
    if (status !== 0) problems.push(`verify after kill ${round}: ${out}${error}`)
    // oxlint-disable-next-line no-await-in-loop
    const parts = [...(await registered(store))].filter(([path]) => expected.has(path))
    if (parts.length > 0 && parts.length < COUNT) between++
    for (const [path, hash] of parts) {
      if (hash !== expected.get(path))
        problems.push(`${path} after kill ${round} is ${hash}, not ${expected.get(path)}`)
    }
  }
  tally.check("kills came while it was building", inTime >= rounds && between > 0, `${inTime}, ${between} in between`)
  tally.check("what was registered was whole, and the same as undisturbed", problems.length === 0, problems[0])

  const stores = readdirSync(dir).filter((name) => name.startsWith("store-"))
  for (const name of stores) {
    const store = `local://${join(dir, name)}`
    // oxlint-disable-next-line no-await-in-loop
    const { status, error } = await run(build(store))
    if (!tally.check(`the next run ends what was begun in ${name}`, status === 0, status === 0 ? "" : error)) continue
    // oxlint-disable-next-line no-await-in-loop
    const there = await registered(store)
    const other = [...expected].find(([path, hash]) => there.get(path) !== hash)
    tally.check("everything is as undisturbed", other === undefined, other?.[0])
  }
  tally.equal("no process is left", processesOf(dir).join(", "), "")
  tally.figure("kill -9 while building", `${inTime} kills, ${between} with some of ${COUNT} outputs registered`)
}

/** Hashes of the archives of all store paths. */
async function registered(store: string): Promise<Map<string, string>> {
  const infos = JSON.parse(await output([TVIX_STORE, "--store", store, "info", "--json", "--all"])) as {
    readonly [path: string]: { readonly narHash: string }
  }
  return new Map(Object.entries(infos).map(([path, { narHash }]) => [path, narHash]))
}

/** Command lines of processes, other than this one, that name `dir`. */
function processesOf(dir: string): string[] {
  const lines: string[] = []
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    try {
      const line = readFileSync(join("/proc", name, "cmdline"), "utf8").replaceAll("\0", " ")
      if (line.includes(dir)) lines.push(line)
    } catch {
      // It has ended.
    }
  }
  return lines
}
