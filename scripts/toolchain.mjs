/**
 * What has to be true before anything here can run: dependencies installed as the lock file says, and a Node that is
 * new enough. Plain JavaScript for Node 20, because it runs before either is true.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** The first major version with everything the sources use; the same number stands in package.json's `engines`. */
const OLDEST_NODE = 24

/** Installs the locked dependencies where they are missing or other than the lock file says. */
export function ensureInstalled() {
  if (isInstalled()) return
  console.log("Installing dependencies (npm ci); this happens once …")
  // The Node that runs npm may be older than the one being installed: not worth a warning.
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
  run("npm", ["ci", ...quiet], { shell: process.platform === "win32" })
  // An older one leaves out, without a word, what is optional and wants a newer; the one that came now knows better.
  const npm = process.env["npm_execpath"]
  if (isOld() && npm !== undefined) run(modernNode(), [npm, "install", "--no-save", ...quiet])
}

function isOld() {
  return Number(process.versions.node.split(".")[0]) < OLDEST_NODE
}

function isInstalled() {
  // npm writes what it installed into this file when it is done, so a half-finished installation does not count.
  const record = join(ROOT, "node_modules", ".package-lock.json")
  if (!existsSync(record)) return false
  const packagesIn = (/** @type {string} */ path) => JSON.parse(readFileSync(path, "utf8")).packages
  const installed = packagesIn(record)
  return Object.entries(packagesIn(join(ROOT, "package-lock.json"))).every(([path, { version, optional }]) => {
    // The rest are the workspace's own packages; optional ones may be for another platform.
    if (!path.startsWith("node_modules/")) return true
    return installed[path] === undefined ? optional === true : installed[path].version === version
  })
}

/**
 * The Node to run our code with: the one that came as a dependency, else the running one if it is new enough.
 * npm's own link `.bin/node` is not used: it is missing under `--no-bin-links` and a script file on Windows.
 *
 * @returns {string} an absolute path
 */
export function modernNode() {
  const modules = join(ROOT, "node_modules")
  for (const name of existsSync(modules) ? readdirSync(modules) : []) {
    if (!/^node-(bin-)?(linux|darwin|win)-/.test(name)) continue
    const path = join(modules, name, "bin", process.platform === "win32" ? "node.exe" : "node")
    if (existsSync(path)) return path
  }
  if (!isOld()) return process.execPath
  console.error(
    `This needs Node ${OLDEST_NODE} or newer; here is ${process.version}, and npm has no build of Node for ` +
      `${process.platform}-${process.arch}. Install a newer Node and try again.`,
  )
  process.exit(1)
}

/**
 * Runs a command in the repository, its output going where ours goes, and ends this process if it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ shell?: boolean, env?: NodeJS.ProcessEnv }} [options]
 */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", ...options })
  if (status === 0) return
  if (error) console.error(`cannot run ${command}: ${error.message}`)
  if (signal) console.error(`${command} was ended by ${signal}`)
  process.exit(status ?? 1)
}
