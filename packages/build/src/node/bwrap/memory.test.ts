/** Which groups are made, on machines that are folders: no machine has both versions. */
import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterEach, beforeEach, describe, test } from "node:test"
import { memoryGroups } from "./memory.ts"

const V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
const V1 =
  "31 24 0:27 / /sys/fs/cgroup/pids rw shared:10 - cgroup cgroup rw,pids\n" +
  "32 24 0:28 / /sys/fs/cgroup/memory rw shared:11 - cgroup cgroup rw,memory\n"

describe("groups for memory", () => {
  let root: string
  beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "groups-"))))
  afterEach(() => rmSync(root, { recursive: true }))

  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
  }
  const read = (path: string): string => readFileSync(join(root, path), "latin1")
  /** The groups that are made in a folder. */
  const madeIn = (folder: string): string[] =>
    readdirSync(join(root, folder))
      .filter((name) => name.startsWith("tvix-build-"))
      .map((name) => `${folder}/${name}`)

  for (const [what, folder, files] of [
    [
      "of version 2, in one that hands memory on",
      "sys/fs/cgroup/user.slice/ours",
      {
        "proc/self/mountinfo": V2,
        "proc/self/cgroup": "0::/user.slice/ours\n",
        "sys/fs/cgroup/user.slice/ours/cgroup.controllers": "cpu memory pids\n",
        "sys/fs/cgroup/user.slice/ours/cgroup.subtree_control": "memory\n",
      },
    ],
    [
      "of version 2, in a container",
      "sys/fs/cgroup/inner",
      {
        "proc/self/mountinfo": V2.replace(" / /sys", " /docker/1 /sys"),
        "proc/self/cgroup": "0::/docker/1/inner\n",
        "sys/fs/cgroup/inner/cgroup.controllers": "memory\n",
        "sys/fs/cgroup/inner/cgroup.subtree_control": "memory\n",
      },
    ],
    [
      "of version 1, with version 2 beside it that has none",
      "sys/fs/cgroup/memory/ours",
      {
        "proc/self/mountinfo": V1 + V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"),
        "proc/self/cgroup": "5:pids:/\n4:memory:/ours\n0::/\n",
        "sys/fs/cgroup/memory/ours/cgroup.procs": "1\n",
      },
    ],
  ] as const) {
    test(`are made ${what}`, () => {
      write(files)
      const group = memoryGroups(root)!.make(1 << 20)
      const [path, ...more] = madeIn(folder)
      assert.ok(path !== undefined && more.length === 0)
      const [limit, events] = folder.includes("/memory/")
        ? ["memory.limit_in_bytes", "memory.oom_control"]
        : ["memory.max", "memory.events"]
      assert.equal(read(`${path}/${limit}`), "1048576")
      group.add(4321)
      assert.equal(read(`${path}/cgroup.procs`), "4321")
      write({ [`${path}/${events}`]: "oom 0\noom_kill 0\n" })
      assert.equal(group.exceeded, false)
      write({ [`${path}/${events}`]: "oom 3\noom_kill 12\n" })
      assert.equal(group.exceeded, true)
    })
  }

  test("are made of one that is ours alone, and hands memory on once it is empty", () => {
    const ours = "sys/fs/cgroup/service"
    write({
      "proc/self/mountinfo": V2,
      "proc/self/cgroup": "0::/service\n",
      [`${ours}/cgroup.controllers`]: "memory\n",
      [`${ours}/cgroup.subtree_control`]: "",
      [`${ours}/cgroup.procs`]: `${process.pid}\n`,
    })
    memoryGroups(root)!.make(1 << 20)
    assert.equal(read(`${ours}/tvix/cgroup.procs`), String(process.pid))
    assert.equal(read(`${ours}/cgroup.subtree_control`), "+memory")
    assert.equal(madeIn(ours).length, 1)
  })

  test("are not to be had where memory is not handed to us", () => {
    write({
      "proc/self/mountinfo": V2,
      "proc/self/cgroup": "0::/user.slice\n",
      "sys/fs/cgroup/user.slice/cgroup.controllers": "cpu pids\n",
    })
    assert.equal(memoryGroups(root), undefined)
  })
  test("are not to be had where there is no /proc", () => assert.equal(memoryGroups(root), undefined))
})
