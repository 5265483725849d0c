/**
 * `npm run lock`: brings package-lock.json up to date with the package.json files, after a dependency changed.
 *
 * `npm ci` refuses a lock file that leaves out any platform's build of a tool (oxlint, rolldown …), and npm leaves out
 * those which the registry in use does not carry. A mirror may well carry Linux only, so what is missing is added here
 * from the tool's own list: name, version and platform, which is all that npm needs in order to skip it elsewhere.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT, run } from "./toolchain.mjs"

const LOCK = join(ROOT, "package-lock.json")

const SYSTEMS = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"]
/** The word for a processor in such names, and npm's name for it where they differ. */
const PROCESSORS = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64", "wasm32"]

/**
 * What the name of a platform package says it is for: `@oxlint/binding-linux-arm64-gnu`.
 *
 * @returns {{ cpu?: string[], os?: string[] } | undefined}
 */
function platformOf(/** @type {string} */ name) {
  const words = name.split(/[/-]/)
  const os = SYSTEMS.find((system) => words.includes(system)) ?? (words.includes("win") ? "win32" : undefined)
  const cpu = PROCESSORS.find((processor) => words.includes(processor))
  // WebAssembly builds name no system; they are for processors that npm calls by that name.
  return os === undefined && cpu !== "wasm32" ? undefined : { ...(cpu && { cpu: [cpu] }), ...(os && { os: [os] }) }
}

run("npm", ["install", "--package-lock-only", "--no-audit", "--no-fund", "--loglevel=error"])

const lock = JSON.parse(readFileSync(LOCK, "utf8"))
let added = 0
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    const platform = platformOf(name)
    if (key in lock.packages || platform === undefined || !/^\d/.test(version)) continue
    const { os, cpu } = platform
    // In npm's order of keys, or its next run would move them.
    lock.packages[key] = {
      version,
      ...(cpu && { cpu }),
      ...(path !== "" && entry.dev && { dev: true }),
      optional: true,
      ...(os && { os }),
    }
    added++
  }
}
// The packages, too, are in the order of npm.
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")))
writeFileSync(LOCK, `${JSON.stringify(lock, undefined, 2)}\n`)
console.log(`package-lock.json is up to date; ${added} builds for platforms that this registry lacks were added`)
