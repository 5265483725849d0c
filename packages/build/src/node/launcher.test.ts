import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, beforeEach, describe, test } from "node:test"
import { findProgram } from "./program.ts"
import {
  FAILURE_FD,
  LAUNCH_FAILED,
  launchFailure,
  LAUNCHER_FD,
  launcherProgram,
  RLIMIT_AS,
  RLIMIT_NPROC,
  type LauncherSettings,
} from "./launcher.ts"
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
    })
    beforeEach(() => write({}))
    after(() => removeTree(folder))

    const write = (settings: LauncherSettings): void => {
      writeFileSync(join(folder, "launcher"), launcherProgram(settings, machine)!)
      chmodSync(join(folder, "launcher"), 0o755)
    }

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
    test("sets limits of what it becomes, and goes on where that is refused", () => {
      const limits = new Map([
        [RLIMIT_NPROC, 0x1_0203],
        [1000, 1],
        [RLIMIT_AS, 0x4050_6070_8090],
      ])
      write({ limits })
      const { out } = launch("/bin/sh", "sh", "-c", "cat /proc/$$/limits; echo $1", "sh", "a word")
      const limitOf = (name: string): string | undefined => new RegExp(`^${name} +(\\d+ +\\d+) `, "m").exec(out)?.[1]
      assert.equal(limitOf("Max processes")?.replace(/ +/, " "), "66051 66051")
      // Emulators do not take that of memory seriously.
      const most = emulator === "" ? "70713959547024 70713959547024" : undefined
      assert.equal(limitOf("Max address space")?.replace(/ +/, " "), most)
      assert.match(out, /^a word$/m)
    })
    test("sets the personality of what it becomes", () => {
      write({ personality: 0x40000 })
      assert.equal(launch("/bin/sh", "sh", "-c", "cat /proc/$$/personality").out, "00040000\n")
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
  assert.equal(launcherProgram({}, "riscv64"), undefined)
  assert.equal(launcherProgram({}, "constructor"), undefined)
})
