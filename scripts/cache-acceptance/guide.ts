/**
 * Does docs/guides/binary-cache.md say what works? Its blocks are run in order, with a C++ Nix that has a store of its own:
 *
 * - `sh nix`: a script that must succeed. The last line may start a server, which then runs to the end of the page.
 * - `ini`: the lines of a nix.conf on another machine, whose store is empty, and whose Nix trusts the key that was made.
 *
 * Addresses are other ones than on the page: ports that are free.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import process from "node:process"
import { freePort } from "../free-port.ts"
import { ROOT } from "../toolchain.mjs"
import { run } from "../acceptance/program.ts"
import type { Tally } from "../acceptance/tally.ts"

const PAGE = join(ROOT, "docs", "guides", "binary-cache.md")
const URL_LINE = /^http:\/\/127\.0\.0\.1:\d+$/m
const KEY_NAME = "cache.example.org-1"

export async function guide(tally: Tally, dir: string): Promise<void> {
  tally.section("the guide")
  mkdirSync(dir, { recursive: true })
  let markdown = readFileSync(PAGE, "utf8")
  for (const port of new Set(markdown.match(/127\.0\.0\.1:\d+/g))) {
    // oxlint-disable-next-line no-await-in-loop -- two
    markdown = markdown.replaceAll(port, `127.0.0.1:${await freePort()}`)
  }
  let machines = 0
  let env = newMachine(dir, machines)
  const servers: ChildProcess[] = []
  let blocks = 0
  try {
    for (const { 1: kind, 2: text = "" } of markdown.matchAll(/^```(sh nix|ini)\n([^]*?)^```$/gm)) {
      blocks++
      if (kind === "ini") {
        env = newMachine(dir, ++machines)
        // oxlint-disable-next-line no-await-in-loop -- in order
        const key = (
          await run([join(ROOT, "bin", "tvix-store"), "key", "public", `${KEY_NAME}.secret`], { cwd: dir })
        ).out.trim()
        appendFileSync(
          join(env["NIX_CONF_DIR"]!, "nix.conf"),
          text.replaceAll(new RegExp(`${KEY_NAME}:\\S+`, "g"), key),
        )
        continue
      }
      const lines = text.trimEnd().split("\n")
      const last = lines.at(-1)!
      if (/ serve -l /.test(last)) {
        const script = ["set -euo pipefail", ...lines.slice(0, -1), `exec ${last}`].join("\n")
        // oxlint-disable-next-line no-await-in-loop -- in order
        const printed = await start(script, dir, env, servers)
        tally.check(`guide: ${last}`, URL_LINE.test(printed), printed)
        continue
      }
      // oxlint-disable-next-line no-await-in-loop -- in order
      const { status, error } = await run(["bash", "-euo", "pipefail", "-c", text], { cwd: dir, env })
      tally.equal(`guide: ${last}`, status === 0 ? "" : error.trim(), "")
    }
    tally.check("the guide has examples", blocks > 5, String(blocks))
  } finally {
    for (const server of servers) server.kill("SIGTERM")
  }
}

/** Whose Nix has nothing, and knows nobody. */
function newMachine(dir: string, number: number): Record<string, string> {
  const home = join(dir, `machine-${number}`)
  mkdirSync(home, { recursive: true })
  writeFileSync(
    join(home, "nix.conf"),
    `experimental-features = nix-command
store = ${join(home, "root")}
substituters =
trusted-public-keys =
connect-timeout = 10
`,
  )
  return {
    HOME: home,
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_CONFIG_HOME: join(home, "config"),
    NIX_CONF_DIR: home,
    NIX_USER_CONF_FILES: "",
    // Behind: the nix-store of the page is C++ Nix's.
    PATH: `${process.env["PATH"]}${delimiter}${join(ROOT, "bin")}`,
  }
}

/** What a server prints until it says where it is, or what it complains of. */
function start(
  script: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
  servers: ChildProcess[],
): Promise<string> {
  const child = spawn("bash", ["-c", script], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  servers.push(child)
  let printed = ""
  let complaints = ""
  child.stderr.on("data", (text) => (complaints = (complaints + String(text)).slice(-1000)))
  return new Promise((resolve) => {
    child.stdout.on("data", (text) => {
      printed += String(text)
      if (URL_LINE.test(printed)) resolve(printed)
    })
    child.on("close", () => resolve(complaints))
  })
}
