/**
 * `npm run nixpkgs-lib -- DIR`: runs the tests of nixpkgs' `lib` (a checkout of nix-community/nixpkgs.lib, or of
 * nixpkgs itself) with our nix-instantiate. DIR may come from `$NIXPKGS_LIB`; nothing is fetched.
 */
import { spawnSync } from "node:child_process"
import { join, resolve } from "node:path"
import process from "node:process"
import { ROOT } from "./toolchain.mjs"

const dir = process.argv[2] ?? process.env["NIXPKGS_LIB"]
if (dir === undefined) {
  console.error("usage: npm run nixpkgs-lib -- DIR, a folder that holds nixpkgs' lib/")
  process.exit(2)
}
const tests = join(resolve(dir), "lib", "tests")
const bin = join(ROOT, "bin")
const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}`, NIX_REMOTE: "dummy://" }

let passed = 0
let failed = 0

// These two answer with the list of what failed.
for (const file of ["misc.nix", "systems.nix"]) {
  const { stdout, stderr, status } = spawnSync("nix-instantiate", ["--eval", "--strict", join(tests, file)], {
    env,
    encoding: "utf8",
  })
  const ok = status === 0 && stdout.trim() === "[ ]"
  console.log(`${ok ? "ok  " : "FAIL"} ${file}`)
  if (ok) passed++
  else {
    failed++
    console.log(stdout + stderr)
  }
}

const { stdout, stderr } = spawnSync("bash", [join(tests, "modules.sh")], { env, encoding: "utf8", maxBuffer: 2 ** 28 })
const count = (word: string): number => Number(new RegExp(`^(\\d+) ${word}$`, "m").exec(stdout)?.[1] ?? 0)
const finished = /^====== module tests ======$/m.test(stdout)
const ok = finished && count("Fail") === 0 && count("Pass") > 0
console.log(`${ok ? "ok  " : "FAIL"} modules.sh: ${count("Pass")} pass, ${count("Fail")} fail`)
if (!ok) console.log(stdout + stderr)
passed += count("Pass")
failed += finished ? count("Fail") : 1

console.log(`${passed} passed, ${failed} failed`)
if (failed > 0) process.exitCode = 1
