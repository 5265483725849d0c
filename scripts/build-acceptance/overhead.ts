/** What building costs beside what is built: many derivations that do next to nothing. */
import { join } from "node:path"
import process from "node:process"
import { run, type Outcome } from "../acceptance/program.ts"
import type { Tally } from "../acceptance/tally.ts"
import { ROOT } from "../toolchain.mjs"

const BUSYBOX = "/bin/busybox"

export async function overhead(tally: Tally, dir: string, count: number): Promise<void> {
  tally.section(`${count} trivial derivations, beside nix-build -j2`)
  // Nobody has built them before: C++ Nix keeps what it built.
  const program = `
    builtins.genList (i: derivation {
      name = "trivial-\${toString i}";
      system = builtins.currentSystem;
      builder = "/bin/sh";
      args = [ "-c" "echo \${toString i} ${process.pid} ${Date.now()} > $out" ];
    }) ${count}`
  const common = ["-E", program, "--no-out-link", "-j2", "--option", "sandbox-paths", `/bin/sh=${BUSYBOX}`]
  const theirs = ["sandbox", "true", "substitute", "false", "build-users-group", "nixbld"]
  const settings = [0, 2, 4].flatMap((i) => ["--option", ...theirs.slice(i, i + 2)])
  const nixBuild = await run(["/usr/bin/nix-build", ...common, ...settings])
  const ours = await run([join(ROOT, "bin", "nix-build"), ...common, "--store", `local://${join(dir, "store")}`])
  const built = ({ status, out, error }: Outcome): string => (status === 0 ? out : error)
  if (!tally.equal("the same is built", built(ours), built(nixBuild))) return
  const ratio = ours.ms / nixBuild.ms
  tally.figure(
    `${count} trivial derivations`,
    `${(ours.ms / 1000).toFixed(1)} s, nix-build ${(nixBuild.ms / 1000).toFixed(1)} s: ${ratio.toFixed(2)}`,
  )
}
