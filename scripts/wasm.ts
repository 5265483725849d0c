/**
 * `npm run wasm`: assembles packages/castore/src/chunker/scan.wat into scan.gen.ts beside it. With `--check` it writes
 * nothing, and fails if that would change.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import wabt from "wabt"
import { ROOT } from "./toolchain.mjs"

const SOURCE = join(ROOT, "packages", "castore", "src", "chunker", "scan.wat")
const RESULT = SOURCE.replace(/\.wat$/, ".gen.ts")

const assembler = await wabt()
const { buffer } = assembler.parseWat("scan.wat", readFileSync(SOURCE, "utf8")).toBinary({})
const text = `/** Made from scan.wat by \`npm run wasm\`: ${buffer.length} bytes. */
export const SCAN_WASM =
  "${Buffer.from(buffer).toString("base64")}"
`
if (!process.argv.includes("--check")) writeFileSync(RESULT, text)
else if (readFileSync(RESULT, "utf8") !== text) {
  console.error("scan.gen.ts is not what scan.wat makes: npm run wasm")
  process.exitCode = 1
}
