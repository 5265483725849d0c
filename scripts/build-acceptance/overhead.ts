/** What building costs beside what is built: many derivations that do next to nothing. */
import { join } from "node:path"
import process from "node:process"
import { run, type Outcome } from "../acceptance/program.ts"
import type { Tally } from "../acceptance/tally.ts"
import { ROOT } from "../toolchain.mjs"

const BUSYBOX = "/bin/busybox"
/** Times of nix-build. */
const RATIO_MAX = 1.5

/** @param rounds of both, in turns; the fastest of each count, as the machine may have other work */
export async function overhead(tally: Tally, dir: string, count: number, rounds: number): Promise<void> {
  tally.section(`${count} trivial derivations, beside nix-build -j2`)
  const times = { ours: Infinity, theirs: Infinity }
  for (let round = 0; round < rounds; round++) {
    // oxlint-disable-next-line no-await-in-loop -- in turns
    const { ours, theirs } = await buildBoth(count, join(dir, `store-${round}`))
    if (!tally.equal("the same is built", printed(ours), printed(theirs))) return
    times.ours = Math.min(times.ours, ours.ms)
    times.theirs = Math.min(times.theirs, theirs.ms)
  }
  const ratio = times.ours / times.theirs
  const [ours, theirs] = [times.ours, times.theirs].map((ms) => `${(ms / 1000).toFixed(1)} s`)
  const figure = `${ours}, nix-build ${theirs}: ${ratio.toFixed(2)}`
  // Of few, most of the time is that of starting Node.
  const asked = rounds > 1 ? { of: `${RATIO_MAX} at most`, holds: ratio <= RATIO_MAX } : undefined
  tally.figure(`${count} trivial derivations`, figure, asked)
}

async function buildBoth(count: number, store: string): Promise<{ readonly ours: Outcome; readonly theirs: Outcome }> {
  // Nobody has built them before: C++ Nix keeps what it built.
  const program = `
    builtins.genList (i: derivation {
      name = "trivial-\${toString i}";
      system = builtins.currentSystem;
      builder = "/bin/sh";
      args = [ "-c" "echo \${toString i} ${process.pid} ${Date.now()} > $out" ];
    }) ${count}`
  const common = ["-E", program, "--no-out-link", "-j2", "--option", "sandbox-paths", `/bin/sh=${BUSYBOX}`]
  const settings = ["sandbox", "true", "substitute", "false", "build-users-group", "nixbld"]
  const options = [0, 2, 4].flatMap((i) => ["--option", ...settings.slice(i, i + 2)])
  const theirs = await run(["/usr/bin/nix-build", ...common, ...options])
  const ours = await run([join(ROOT, "bin", "nix-build"), ...common, "--store", `local://${store}`])
  return { ours, theirs }
}

function printed({ status, out, error }: Outcome): string {
  return status === 0 ? out : error
}
