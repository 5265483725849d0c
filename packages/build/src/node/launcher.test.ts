import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { findProgram } from "./program.ts"
import { FAILURE_FD, LAUNCH_FAILED, launchFailure, LAUNCHER_FD, launcherProgram } from "./launcher.ts"
import { removeTree } from "./remove-tree.ts"

/** Runs programs of that machine on this one: "" if they are its own. */
const MACHINES = {
  x64: process.arch === "x64" ? "" : findProgram("qemu-x86_64-static"),
  arm64: process.arch === "arm64" ? "" : findProgram("qemu-aarch64-static"),
}

for (const [machine, emulator] of Object.entries(MACHINES)) {
  const skip = process.platform !== "linux" || emulator === undefined ? "there is no such machine" : false
  describe(`the launcher for ${machine}`, { skip }, () => {
    let folder: string
    before(() => {
      folder = mkdtempSync(join(tmpdir(), "launcher-"))
      writeFileSync(join(folder, "launcher"), launcherProgram(machine)!)
      chmodSync(join(folder, "launcher"), 0o755)
    })
    after(() => removeTree(folder))

    /** @returns its status, output, and what it wrote to the file for that */
    const launch = (...words: string[]): { status: number | null; out: string; failure: Buffer } => {
      const script = `exec ${LAUNCHER_FD}<launcher ${FAILURE_FD}>failure
        exec ${emulator === "" ? `/proc/self/fd/${LAUNCHER_FD}` : `${emulator} ./launcher`} "$@"`
      const env = { A: "1" }
      const { status, stdout } = spawnSync("/bin/sh", ["-c", script, "sh", ...words], { cwd: folder, env })
      return { status, out: stdout.toString("latin1"), failure: readFileSync(join(folder, "failure")) }
    }

    test("becomes the program, with other words and the same environment", () => {
      const script = "tr '\\0' '|' </proc/$$/cmdline; tr '\\0' '|' </proc/$$/environ; exit 3"
      const { status, out, failure } = launch("/bin/sh", "a name", "-c", script, "", "w")
      assert.equal(out.replace(/(PWD|_|OLDPWD)=[^|]*\|/g, ""), `a name|-c|${script}||w|A=1|`)
      assert.deepEqual([status, [...failure]], [3, []])
    })
    test("leaves none of its files open", () => {
      const { out } = launch("/bin/sh", "sh", "-c", `ls /proc/$$/fd`)
      const files = out.trim().split("\n").map(Number)
      assert.ok(!files.includes(FAILURE_FD), out)
      // Emulated, it was not started by its file.
      assert.ok(emulator !== "" || !files.includes(LAUNCHER_FD), out)
    })
    for (const [what, path, reason] of [
      ["is not there", "/nowhere", "cannot execute /nowhere: no such file or directory"],
      ["may not be executed", "/etc/passwd", "cannot execute /etc/passwd: permission denied"],
      ["is no program", "./text", "cannot execute ./text: exec format error"],
    ] as const) {
      test(`says that a program ${what}`, () => {
        writeFileSync(join(folder, "text"), "echo a shell runs this\n", { mode: 0o755 })
        const { status, out } = launch(path, "x")
        assert.deepEqual([status, out], [LAUNCH_FAILED, ""])
        const files = { program: join(folder, "launcher"), failure: join(folder, "failure") }
        assert.deepEqual(launchFailure([path], files), { code: "start", reason })
      })
    }
  })
}

test("there is none for other machines", () => {
  assert.equal(launcherProgram("riscv64"), undefined)
  assert.equal(launcherProgram("constructor"), undefined)
})
