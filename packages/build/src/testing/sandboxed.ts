import { spawnSync } from "node:child_process"
import { describe } from "node:test"

/** Why nothing can be built in a sandbox here. */
function obstacle(): string | undefined {
  if (process.platform !== "linux") return "sandboxes need Linux"
  const tried = spawnSync("bwrap", ["--unshare-user", "--ro-bind", "/", "/", "true"], { encoding: "utf8" })
  if (tried.error !== undefined) return "there is no bubblewrap"
  if (tried.status !== 0) return `bubblewrap cannot make a sandbox: ${tried.stderr}`
  const shell = spawnSync("/bin/busybox", ["true"])
  return shell.status === 0 ? undefined : "there is no static busybox"
}

/** Tests that need a sandbox: left out where there can be none, but not where all has to be tested. */
export function describeSandboxed(name: string, tests: () => void): void {
  const reason = process.env["CI"] === undefined ? obstacle() : undefined
  describe(name, reason === undefined ? {} : { skip: reason }, tests)
}
