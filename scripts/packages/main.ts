/**
 * `npm run packages`: builds everything in examples/packages from Debian's sources in our sandbox, and beside it with C++
 * Nix's `nix-build`: each output has to be the same, bit for bit. What was fetched is kept in `.cache/packages`.
 *
 * C++ Nix needs root, or a daemon; without it, it is only built. The last line is "N passed, N failed".
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { ROOT } from "../toolchain.mjs"
import { fetchSources, judgedOutputs, SET_WORDS } from "./set.ts"

interface Output {
  readonly attrPath: readonly string[]
  readonly path: string
}

fetchSources()
const folder = mkdtempSync(join(tmpdir(), "packages-"))
let passed = 0
let failed = 0
try {
  const env = { ...process.env, TVIX_STORE: join(folder, "store") }
  const output = (program: string, args: readonly string[]): string =>
    execFileSync(join(ROOT, "bin", program), args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })
  const started = performance.now()
  const built = JSON.parse(output("tvix", ["build", ...SET_WORDS, "--no-link", "--json", "-q"])) as Output[]
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(`built ${built.length} packages in ${seconds} s`)
  const judged = judgedOutputs(built.map(({ attrPath }) => attrPath.join(".")))
  if (judged === undefined) {
    console.log("not compared: there is no nix-build beside, or it may not build")
    passed = built.length
  } else {
    for (const [i, { attrPath, path }] of built.entries()) {
      const narHash = output("nix-store", ["--query", "--hash", path]).trim()
      const same = judged[i]!.path === path && judged[i]!.narHash === narHash
      if (same) passed++
      else failed++
      console.log(`${same ? "same " : "OTHER"} ${attrPath.join(".")}  ${path}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
