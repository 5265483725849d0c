/**
 * Bundles the commands for the launchers in bin/. `--if-stale` does nothing when no source is newer than the last
 * bundle. Plain JavaScript, as scripts/toolchain.mjs is.
 *
 *     dist/stamp              its date is when the newest bundle was begun; the launchers compare sources with it
 *     dist/current -> DIR     the newest bundle, switched in one rename: launchers may be running meanwhile
 *     dist/DIR/tvix/main.cjs  and main.cjs of every other command, each with the chunks that it loads later, if at all
 *     dist/DIR/cache          V8's compile cache, written by the commands themselves
 */
import { createHash } from "node:crypto"
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { rolldown } from "rolldown"
import { ROOT } from "./toolchain.mjs"

const DIST = join(ROOT, "dist")
const CLI = join(ROOT, "packages", "cli", "src")
/** The thread of a store in a folder that writes. */
const WRITER = join(ROOT, "packages", "castore", "src", "node", "local", "writer-thread.ts")
/** The one that wakes up whoever waits for FUSE. */
const ALARM = join(ROOT, "packages", "fuse", "src", "node", "alarm-thread.ts")
/** The programs of each command, and the threads that they start. Programs are begun by scripts/bundle-loader.cjs. */
const COMMANDS = {
  tvix: {
    evaluates: true,
    programs: {
      main: join(CLI, "tvix.ts"),
      "jobs-worker": join(CLI, "jobs", "jobs-worker.ts"),
      "nix-build": join(CLI, "nix-build.ts"),
      "nix-store": join(CLI, "nix-store.ts"),
    },
    threads: { "writer-thread": WRITER },
  },
  "nix-instantiate": {
    evaluates: true,
    programs: { main: join(CLI, "nix-instantiate.ts") },
    threads: { "writer-thread": WRITER },
  },
  "tvix-store": {
    evaluates: false,
    programs: { main: join(CLI, "tvix-store.ts") },
    threads: { "writer-thread": WRITER, "alarm-thread": ALARM },
  },
}
/**
 * What runs programs, in one file. Between files every use of a name is a call of the getter that exports it, which is not
 * inlined: in the machine's instructions that was a tenth of an evaluation (docs/decisions/0001-toolchain.md).
 */
const EVALUATOR = { name: "evaluator", test: /packages[\\/](eval|syntax)[\\/]src[\\/]/ }
/** What every command begins with, the client of `tvix warm` included, which has no use for the evaluator. */
const START = {
  name: "start",
  test: /packages[\\/](bytes[\\/]src[\\/]|cli[\\/]src[\\/](caller|command-line|main|output|problem-sentence|version|warm[\\/](client|frames|place))\.ts)/,
  priority: 1,
}
const LOADER = join(ROOT, "scripts", "bundle-loader.cjs")
/** Bundles older than this are removed. Not at once: a command that started from one may still load a chunk of it. */
const KEEP_MS = 10 * 60_000

/** @param {number} since in ms since the epoch */
function sourcesChanged(since) {
  if ([import.meta.filename, LOADER].some((path) => statSync(path).mtimeMs > since)) return true
  const packages = join(ROOT, "packages")
  return readdirSync(packages).some((name) => {
    const sources = join(packages, name, "src")
    if (!statSync(sources, { throwIfNoEntry: false })) return false
    // Folders too: their date is what changes when a file goes away.
    const paths = [".", ...readdirSync(sources, { recursive: true, encoding: "utf8" })]
    return paths.some((path) => (statSync(join(sources, path), { throwIfNoEntry: false })?.mtimeMs ?? since) > since)
  })
}

async function bundle() {
  const id = `${Date.now()}-${process.pid}`
  const draft = join(DIST, id)
  mkdirSync(draft, { recursive: true })
  // Made before the sources are read: an edit during the build makes the result stale, as it should.
  writeFileSync(join(draft, "stamp"), "")
  try {
    for (const [command, input] of Object.entries(COMMANDS)) await bundleCommand(input, join(draft, command))
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw error
  }
  symlinkSync(id, join(draft, "link"))
  renameSync(join(draft, "link"), join(DIST, "current"))
  renameSync(join(draft, "stamp"), join(DIST, "stamp"))
  removeOldBundles()
}

/**
 * @param {{ evaluates: boolean, programs: Record<string, string>, threads: Record<string, string> }} command
 * @param {string} dir
 */
async function bundleCommand({ evaluates, programs, threads }, dir) {
  const input = { ...threads }
  for (const [name, source] of Object.entries(programs)) input[`${name}.program`] = source
  const build = await rolldown({
    input,
    platform: "node",
    resolve: { conditionNames: ["source", "node", "import", "default"] },
    // Native addons cannot be bundled; they are loaded, where present, from node_modules.
    external: [/^@napi-rs\//],
    transform: {
      define: {
        TVIX_COMPILER_SOURCES: JSON.stringify(digestOf([join("syntax", "src"), join("eval", "src", "compiler")])),
        TVIX_SOURCES: JSON.stringify(digestOf(readdirSync(join(ROOT, "packages")).map((name) => join(name, "src")))),
      },
    },
  })
  await build.write({
    dir,
    // Five milliseconds of a start less than modules take: docs/decisions/0001-toolchain.md.
    format: "cjs",
    // As modules are. Functions of other programs are given a receiver in every call that has none.
    strict: true,
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
    codeSplitting: { groups: evaluates ? [START, EVALUATOR] : [] },
    // Names stay readable in the stack traces of our own bugs.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    plugins: [ASCII],
  })
  await build.close()
  for (const name of Object.keys(programs)) copyFileSync(LOADER, join(dir, `${name}.cjs`))
}

/**
 * Leaves ASCII only, of which the loader makes strings of one byte a character without looking at them. It also needs no line
 * for the shell.
 *
 * @type {import("rolldown").Plugin}
 */
const ASCII = {
  name: "ascii",
  generateBundle(_, files) {
    for (const file of Object.values(files)) {
      if (file.type !== "chunk") continue
      file.code = file.code
        .replace(/^#!.*/, "")
        .replace(/[^\x00-\x7f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
    }
  },
}

/**
 * A digest of sources. What other ones of parser and compiler made is of no use in the bytecode cache, and what any other
 * ones printed is of none in the cache of evaluations.
 *
 * @param {string[]} folders of packages
 */
function digestOf(folders) {
  const hash = createHash("sha256")
  for (const folder of folders) {
    const root = join(ROOT, "packages", folder)
    for (const name of readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
      if (name.endsWith(".ts") && !name.endsWith(".test.ts"))
        hash.update(`${name}\0`).update(readFileSync(join(root, name)))
    }
  }
  return hash.digest("hex")
}

function removeOldBundles() {
  const current = readlinkSync(join(DIST, "current"))
  for (const name of readdirSync(DIST)) {
    const started = Number(/^(\d+)-\d+$/.exec(name)?.[1] ?? Infinity)
    if (name === current || started > Date.now() - KEEP_MS) continue
    rmSync(join(DIST, name), { recursive: true, force: true })
  }
}

const last = statSync(join(DIST, "stamp"), { throwIfNoEntry: false })
if (!process.argv.includes("--if-stale") || !last || sourcesChanged(last.mtimeMs)) await bundle()
