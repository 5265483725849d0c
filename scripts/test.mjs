/**
 * `npm test`: installs what is missing, bundles the commands, and runs every test. Arguments narrow it down: files and
 * folders are run in place of everything, and what starts with a dash goes to `node --test`.
 *
 *     npm test -- packages/syntax --test-name-pattern=lexer
 */
import { statSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { ensureInstalled, modernNode, ROOT, run } from "./toolchain.mjs"

const EVERYTHING = [
  "packages/*/src/**/*.test.ts",
  "lang-tests/**/*.test.ts",
  "bench/**/*.test.ts",
  "scripts/**/*.test.ts",
]

const args = process.argv.slice(2)
const options = args.filter((arg) => arg.startsWith("-"))
const places = args
  .filter((arg) => !arg.startsWith("-"))
  .map((path) => (statSync(join(ROOT, path)).isDirectory() ? `${path.replace(/\/$/, "")}/**/*.test.ts` : path))

ensureInstalled()
run(modernNode(), ["scripts/bundle.mjs", "--if-stale"])
run(modernNode(), [
  "--conditions=source",
  "--test",
  "--test-reporter=./scripts/reporter.ts",
  "--test-timeout=600000",
  ...options,
  ...(places.length > 0 ? places : EVERYTHING),
])
