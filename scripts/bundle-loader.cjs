/**
 * What the commands of a bundle begin with: loads the program beside it, and V8's code for it.
 *
 * Node's own compile cache has the code of functions that run while a file is loaded. All others are compiled when they
 * are first called, in every run anew: a twentieth of a nixpkgs evaluation. So the code is kept as it is when a process
 * ends, with all that has been called by then:
 *
 *     NAME.cjs.FLAGS.code    how long the longest of its processes had computed, in ms: a double; then what V8 calls cached data
 *
 * The first process to end writes it; after that any that has more of it: those are asked that computed twice as long as the one
 * before, and now and then one that did something else. V8 refuses what another version of it, or another source made; and
 * what other flags made, so processes with other flags have files of their own.
 */
"use strict"
const { readFileSync, renameSync, statSync, writeFileSync } = require("node:fs")
const { basename } = require("node:path")
const process = require("node:process")
const { Script, constants } = require("node:vm")

/**
 * Modules of Node that take 4 to 26 ms to load, and that much of what a bundle holds imports, for what most runs never do. They
 * are loaded when something of them is first used.
 */
const LATE = new Set([
  "node:child_process",
  "node:crypto",
  "node:fs/promises",
  "node:http",
  "node:http2",
  "node:https",
  "node:net",
  "node:stream",
  "node:tls",
  "node:worker_threads",
  "node:zlib",
])

/** Who computed so long may well have called what nobody has before, and has 20 ms to find out. */
const LONG_MS = 100
/** After so long, one of those is asked again. */
const AGAIN_MS = 10_000
const HEADER_BYTES = 8

/** Flags of which V8 says that they are nothing to its code, or which are Node's. */
const HARMLESS = /^--(?:(?:min|max)-semi-space-size|max-old-space-size|v8-pool-size)=/
/** Of the others; a digest would take 12 ms to load. */
const FLAGS = (() => {
  const flags = process.execArgv.filter((flag) => !HARMLESS.test(flag)).join(" ")
  let hash = 0
  for (const byte of Buffer.from(flags)) hash = (Math.imul(hash, 31) + byte) | 0
  return (hash >>> 0).toString(16)
})()

/** @typedef {{ filename: string, script: Script, ran: number, size: number }} Loaded */
/** @type {Loaded[]} */
const loaded = []

const BEFORE = Buffer.from("(function (exports, require, module, __filename, __dirname) { ")
const AFTER = Buffer.from("\n})")

/** Of the bundle's files. @type {Map<string, { exports: unknown }>} */
const modules = new Map()

/**
 * What the bundle's files have for `require`: they name each other as `./NAME.cjs`. Node's own looks for a package of each,
 * follows links and asks who wants to change it; a command begins with some twenty.
 *
 * @param {string} name
 */
function requireFrom(name) {
  if (name.startsWith("./")) return load(__dirname + name.slice(1))
  return LATE.has(name) ? late(() => require(name)) : require(name)
}

/** @param {string} filename */
function load(filename) {
  const there = modules.get(filename)
  if (there !== undefined) return there.exports
  const known = readCode(filename)
  // A string that is put together is copied once more.
  const source = Buffer.concat([BEFORE, readFileSync(filename), AFTER]).toString("latin1")
  const script = new Script(source, {
    filename,
    ...(known && { cachedData: known.code }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const isUsed = known !== undefined && script.cachedDataRejected === false
  loaded.push({ filename, script, ran: isUsed ? known.ran : 0, size: isUsed ? known.code.length : 0 })
  const module = { exports: {} }
  modules.set(filename, module)
  try {
    script.runInThisContext().call(module.exports, module.exports, requireFrom, module, filename, __dirname)
  } catch (problem) {
    modules.delete(filename)
    throw problem
  }
  return module.exports
}

/**
 * Stands for an object until something of it is used.
 *
 * @param {() => any} open
 */
function late(open) {
  /** @type {any} */
  let opened
  const object = () => (opened ??= open())
  /** @type {any} */
  const target = {}
  return new Proxy(target, {
    get: (_, key) => object()[key],
    has: (_, key) => key in object(),
    ownKeys: () => Reflect.ownKeys(object()),
    getOwnPropertyDescriptor(_, key) {
      const descriptor = Reflect.getOwnPropertyDescriptor(object(), key)
      // Of what its target lacks, a proxy may not say that it cannot be deleted.
      return descriptor && { ...descriptor, configurable: true }
    },
  })
}

/** @param {string} filename */
function readCode(filename) {
  try {
    const bytes = readFileSync(`${filename}.${FLAGS}.code`)
    return { ran: bytes.readDoubleLE(0), code: bytes.subarray(HEADER_BYTES) }
  } catch {
    return undefined
  }
}

process.on("exit", () => {
  // Waiting, for a user or for other processes, calls nothing.
  const { user, system } = process.threadCpuUsage()
  const now = (user + system) / 1000
  for (const { filename, script, ran, size } of loaded) {
    const path = `${filename}.${FLAGS}.code`
    try {
      if (now < 2 * ran && (now < LONG_MS || Date.now() - statSync(path).mtimeMs < AGAIN_MS)) continue
      const code = script.createCachedData()
      const header = Buffer.alloc(HEADER_BYTES)
      header.writeDoubleLE(Math.max(now, ran))
      if (code.length <= size) {
        // So that it is known who was asked, and when.
        writeFileSync(path, header, { flag: "r+" })
        continue
      }
      const draft = `${filename}.${process.pid}.draft`
      writeFileSync(draft, Buffer.concat([header, code]))
      renameSync(draft, path)
    } catch {
      // Installed where this user may not write: then the program is compiled, as any is.
    }
  }
})

load(`${__dirname}/${basename(__filename, ".cjs")}.program.cjs`)
