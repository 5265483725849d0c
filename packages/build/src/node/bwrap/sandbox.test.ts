/** What a build in a sandbox cannot do, each with what it could do outside where that can be told apart. */
import assert from "node:assert/strict"
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { constants, homedir, tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { fileURLToPath } from "node:url"
import { byteStringFrom } from "@tvix-ts/bytes"
import { memoryBlobService, memoryDirectoryService } from "@tvix-ts/castore"
import type { BuildOptions, BuildOutput, BuildService } from "../../service.ts"
import { attachProgram } from "../../testing/attach-program.ts"
import {
  exampleRequest,
  problemOf,
  processesWith,
  showTree,
  storeExample,
  type Example,
} from "../../testing/build-service.ts"
import { describeSandboxed } from "../../testing/sandboxed.ts"
import { findProgram } from "../program.ts"
import { removeTree } from "../remove-tree.ts"
import { TreeFolder } from "../tree-folder.ts"
import { memoryGroups } from "./memory.ts"
import { parseSandboxPath } from "./sandbox-paths.ts"
import { bwrapBuildService, type BwrapOptions } from "./service.ts"

const BUILD_PROCESS = fileURLToPath(new URL("../../testing/build-process.ts", import.meta.url))
const NODE_OPTIONS = ["--conditions=source", "--disable-warning=ExperimentalWarning"]

describeSandboxed("a sandbox", () => {
  const services = { blobs: memoryBlobService(), directories: memoryDirectoryService() }
  let folder: string
  let trees: TreeFolder
  let service: BuildService
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sandbox-"))
    trees = await TreeFolder.open(join(folder, "trees"), services)
    service = await openService()
  })
  after(async () => {
    for (const one of opened) await one.close()
    await trees.close()
    await removeTree(folder)
  })

  /** Closed in the end: what a test that fails leaves open would keep the others from ending. */
  const opened: BuildService[] = []
  const openService = async (options: Partial<BwrapOptions> = {}): Promise<BuildService> => {
    const one = await bwrapBuildService({ ...services, trees, dir: join(folder, "work"), ...options })
    opened.push(one)
    return one
  }
  const build = (example: Example, options?: BuildOptions, by = service): Promise<readonly BuildOutput[]> =>
    by.build(exampleRequest("", example), options)
  /** What the script writes. It need not make the output. */
  const logOf = async (script: string, example: Example = {}, by = service): Promise<string> => {
    let log = ""
    const onLog = (bytes: Uint8Array): void => void (log += byteStringFrom(bytes))
    await build({ ...example, script: `${script}\n[ -e $out ] || : >$out` }, { onLog }, by)
    return log
  }
  /** A number that occurs in no other command line. */
  const mark = (): string => `${9_000_000 + Math.floor(Math.random() * 1_000_000)}`
  const constraints = exampleRequest("", {}).constraints
  const online = { constraints: { ...constraints, network: true } }

  test("a build is nobody in particular", async () => {
    const log = await logOf(
      "id -u; id -g; id -un; hostname; grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status",
    )
    const none = "0".repeat(16)
    assert.deepEqual(log.replaceAll("\t", " ").trim().split("\n"), [
      "1000",
      "100",
      "nixbld",
      "localhost",
      `CapPrm: ${none}`,
      `CapEff: ${none}`,
      `CapBnd: ${none}`,
      "NoNewPrivs: 1",
      "Seccomp: 2",
    ])
  })

  test("a build ignores no signals, and has a group and a session of its own", async () => {
    const log = await logOf("grep SigIgn /proc/self/status; cut -d ' ' -f 5,6 /proc/$$/stat")
    assert.match(log, /^SigIgn:\t0{16}\n(\d+) \1\n$/)
  })
  test("goes on when the shell that starts builds is ended, by whomever", async () => {
    const other = await openService()
    const asleep = mark()
    const started = build({ script: `echo begun; sleep ${asleep}` }, {}, other)
    const problem = problemOf(started)
    while (processesWith(asleep).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const pid of startersOf(process.pid)) process.kill(pid, "SIGKILL")
    assert.deepEqual(await problem, { code: "signal", signal: "SIGKILL" })
    assert.deepEqual(processesWith(asleep), [])
    // Those of the other tests' service are gone, too: it makes others.
    for (const by of [other, service]) assert.equal(await logOf("echo built", {}, by), "built\n")
  })

  test("gives up a build at any moment", async () => {
    const other = await openService()
    const reason = new Error("never mind")
    // Of the first ones, the shell does not know yet; later ones are about to begin, or run, when they are given up.
    for (let turns = 0; turns < 60; turns += 1 + Math.floor(turns / 8)) {
      const stop = new AbortController()
      const given = assert.rejects(build({ script: "while :; do :; done" }, { signal: stop.signal }, other), reason)
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
      stop.abort(reason)
      await given
    }
    assert.equal(await logOf("echo built", {}, other), "built\n")
  })
  const startersOf = (parent: number): number[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((name) => {
        try {
          const read = (file: string): string => readFileSync(`/proc/${name}/${file}`, "latin1")
          return read("status").includes(`\nPPid:\t${parent}\n`) && read("cmdline").includes("while read")
        } catch {
          return false
        }
      })
      .map(Number)

  const setarch = spawnSync("setarch", ["-R", "true"]).status === 0
  test(
    "a build has the same addresses each time",
    { skip: !setarch && "this machine does not allow that" },
    async () => {
      const addresses = "grep -E 'stack|heap|vdso' /proc/self/maps"
      assert.equal(await logOf(addresses), await logOf(addresses))
    },
  )
  const skipI686 = !setarch || process.arch !== "x64" ? "not on this machine" : false
  test("a build for a machine of 32 bits sees one", { skip: skipI686 }, async () => {
    assert.equal(await logOf("uname -m"), "x86_64\n")
    assert.equal(await logOf("uname -m", { constraints: { ...constraints, system: "i686-linux" } }), "i686\n")
  })

  test("shows what the request names, and nothing else", async () => {
    await trees.place("other", await storeExample("an undeclared input\n", services))
    const inputs = new Map([["declared", await storeExample("declared\n", services)]])
    const log = await logOf("echo /*; echo /nix/*; echo /store/*; echo /home/* /root/* /tmp/* /build/*; ls /dev /etc", {
      inputs,
    })
    const [root, ...others] = log.split("\n")
    assert.equal(root, "/bin /build /dev /etc /proc /store /tmp")
    const devices = "core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero".split(" ")
    const folders = ["/nix/*", "/store/declared", "/home/* /root/* /tmp/* /build/*"]
    assert.deepEqual(others, [...folders, "/dev:", ...devices, "", "/etc:", "group", "hosts", "passwd", ""])
  })

  test("a debugger finds no process of the machine's", { skip: process.arch !== "x64" }, async () => {
    const target = spawn("sleep", ["60"])
    try {
      const program = attachProgram(target.pid!)
      const outside = join(folder, "attach")
      writeFileSync(outside, Buffer.from(program, "latin1"), { mode: 0o755 })
      // It is there; whether it may be attached to is for the machine to say.
      assert.ok([0, constants.errno.EPERM].includes(spawnSync(outside).status!))
      const inputs = new Map([["attach", await storeExample({ x: program }, services)]])
      assert.equal(await logOf("$store/attach; echo $?", { inputs }), `${constants.errno.ESRCH}\n`)
    } finally {
      target.kill("SIGKILL")
    }
  })

  for (const [where, changes] of [
    ["where a build may write", {}],
    ["where it may not", { inputsDir: "inputs" }],
    ["around where it may", { inputsDir: "all", scratchPaths: ["all/out", "build", "store"] }],
  ] as const) {
    test(`shows hundreds of inputs, ${where}`, async () => {
      const inputs = new Map([
        ["a file", await storeExample("contents\n", services)],
        ["a link", await storeExample({ link: "a file" }, services)],
      ])
      const expected = ["a file", "a link", "\xff"]
      inputs.set("\xff", await storeExample({ x: { x: "#!/bin/sh\necho here\n" } }, services))
      for (let i = 0; i < 300; i++) {
        expected.push(`n${i}`)
        inputs.set(`n${i}`, await storeExample({ f: `${i}\n` }, services))
      }
      const dir = "inputsDir" in changes ? changes.inputsDir : "store"
      const script = `cd /${dir}; printf '%s\\n' * | grep -v '^out$'; $(printf '\\377')/x; cat n299/f 'a link'
        for i in *; do touch "$i/new" 2>/dev/null; [ -d "$i" ] && touch "$i" 2>/dev/null; done`
      const log = await logOf(script, { inputs, ...changes })
      assert.equal(log, [...expected.toSorted(), "here", "299", "contents", ""].join("\n"))
    })
  }

  test("has folders with the permissions that C++ Nix gives them", async () => {
    assert.equal(await logOf("stat -c '%a %n' /build /store /tmp"), "700 /build\n1775 /store\n1777 /tmp\n")
  })

  test("hides files that everybody may read", async () => {
    const secret = join(folder, "everybody")
    writeFileSync(secret, "readable")
    chmodSync(secret, 0o644)
    for (const path of [secret, process.execPath, "/etc/shadow", "/etc/os-release", homedir()]) {
      assert.equal(await logOf(`[ -e '${path}' ] && echo there`), "", path)
    }
  })

  test("shows what whoever runs the builder lets it show, to be changed by who may", async () => {
    const shared = mkdtempSync(join(folder, "shared-"))
    writeFileSync(join(shared, "file"), "as it was\n")
    chmodSync(shared, 0o755)
    chmodSync(join(shared, "file"), 0o666)
    const words = [`/shared=${shared}`, `/etc/deep/in/it=${shared}/file`, "/dev/nothing=/dev/null", `${shared}/gone?`]
    const other = await openService({ sandboxPaths: words.map((word) => parseSandboxPath(word)!) })
    const script = `cat /etc/deep/in/it; echo changed >/shared/file; (echo x >/shared/new) 2>/dev/null && echo made
      echo x >/dev/nothing && cat /dev/nothing; echo /shared/* /etc/deep/in/*; [ -e ${shared} ] && echo seen`
    for (const changes of [{}, online]) {
      writeFileSync(join(shared, "file"), "as it was\n")
      assert.equal(await logOf(script, changes, other), "as it was\n/shared/file /etc/deep/in/it\n")
      assert.equal(readFileSync(join(shared, "file"), "utf8"), "changed\n")
    }
    assert.deepEqual(readdirSync(shared), ["file"])
  })

  const unshowable: [word: string, reason: RegExp][] = [
    ["/gone", /^this machine has no \/gone, which builds are to be shown as \/gone$/],
    ["/store=/usr", /^builds cannot be shown \/usr as \/store: they have a \/store of their own$/],
    ["/build=/usr", /they have a \/build of their own/],
    ["/proc=/usr", /they have a \/proc of their own/],
    ["/etc=/usr", /they have a \/etc of their own/],
  ]
  for (const [word, reason] of unshowable) {
    test(`does not build where it cannot show ${word}`, async () => {
      const other = await openService({ sandboxPaths: [parseSandboxPath(word)!] })
      const problem = await problemOf(build({ script: ": >$out" }, {}, other))
      assert.equal(problem.code, "unsupported")
      assert.match(problem.code === "unsupported" ? problem.reason : "", reason)
    })
  }

  test("a shell of the machine's own may be shown as /bin/sh", async () => {
    const busybox = findProgram("busybox")
    const other = await openService({ sandboxPaths: [parseSandboxPath(`/bin/sh=${busybox}`)!], binSh: "/gone" })
    assert.equal(await logOf("echo here", {}, other), "here\n")
  })

  test("does not let a build change what it is given", async () => {
    const inputs = new Map([["in", await storeExample({ file: "as it was\n", folder: {} }, services)]])
    const script = `cd /store/in
      (echo x >file) 2>/dev/null && echo wrote
      (echo x >new) 2>/dev/null && echo made
      chmod -R 777 . 2>/dev/null && echo permitted
      rm -rf file folder 2>/dev/null && echo removed
      mv /store/in /store/away 2>/dev/null && echo moved
      for i in /new /bin/new /bin/sh /etc/passwd /etc/new /proc/sys/kernel/core_pattern /proc/sysrq-trigger /dev/full; do
        (echo x >$i) 2>/dev/null && echo wrote $i
      done
      cat file; ls`
    assert.equal(await logOf(script, { inputs }), "as it was\nfile\nfolder\n")
    assert.deepEqual(await showTree(inputs.get("in")!, services), ["/", "file: as it was\n", "folder/"])
    const path = await trees.place("in", inputs.get("in")!)
    assert.equal(readFileSync(join(path, "file"), "utf8"), "as it was\n")
    assert.equal(statSync(path).mode & 0o777, 0o555)
  })

  test("shows none of the machine's processes, and lets none be ended", async () => {
    const log = await logOf(`kill -0 ${process.pid} 2>&1; cd /proc; echo [0-9]*; cat /proc/1/comm; ls /proc/1/root/`)
    const [kill, pids, first, ...root] = log.trim().split("\n")
    assert.match(kill!, /No such process/)
    assert.ok(pids!.split(" ").length <= 4, pids!)
    assert.equal(first, "bwrap")
    assert.deepEqual(root, ["bin", "build", "dev", "etc", "proc", "store", "tmp"])
  })

  test("keeps a build from the network, except one that may use it", async () => {
    const server = createServer((socket) => socket.end("HTTP/1.0 200 OK\r\n\r\nfrom outside\n"))
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const datagrams: string[] = []
    const names = createSocket("udp4", (message) => void datagrams.push(message.toString("latin1")))
    names.bind(0, "127.0.0.1")
    await once(names, "listening")
    try {
      const { port } = server.address() as AddressInfo
      const web = `wget -q -O - http://127.0.0.1:${port}/ 2>&1`
      assert.match(await logOf(web), /refused|unreachable/)
      assert.equal(await logOf(web, online), "from outside\n")
      const lookup = (name: string): string => `timeout 1 nslookup ${name} 127.0.0.1:${names.address().port}`
      await logOf(lookup("inside"))
      const arrived = once(names, "message")
      await logOf(lookup("outside"), online)
      await arrived
      const asked = datagrams.map((datagram) => /outside|inside/.exec(datagram)?.[0])
      assert.deepEqual(new Set(asked), new Set(["outside"]))
    } finally {
      server.close()
      names.close()
    }
  })
  test("has a network of its own, on which a build can reach itself", async () => {
    // Who listens ends with the one who asks, who waits for what is never written.
    const script = `mkfifo never
      echo heard | nc -l -p 4321 &
      until nc 127.0.0.1 4321 <>never 2>/dev/null; do :; done`
    assert.match(await logOf(script), /heard/)
    assert.equal(await logOf("ls /sys/class/net 2>/dev/null; grep -c : /proc/net/dev"), "1\n")
  })
  test("gives what the network needs to those who may use it", async () => {
    const files = ["resolv.conf", "services"].filter((name) => existsSync(`/etc/${name}`))
    const log = await logOf("ls /etc; cat /etc/nsswitch.conf", online)
    for (const name of [...files, "nsswitch.conf"]) assert.ok(log.split("\n").includes(name), name)
    assert.match(log, /hosts: files dns/)
  })

  test("refuses bits that make a program run as its owner", async () => {
    const script =
      "cp /bin/sh $out; for m in 4755 2755 6755 u+s g+s; do chmod $m $out 2>&1; done; chmod 755 $out; stat -c %a $out"
    const lines = (await logOf(script)).trim().split("\n")
    assert.equal(lines.pop(), "755")
    assert.equal(lines.length, 5)
    for (const line of lines) assert.match(line, /Operation not permitted/)
  })
  test("refuses to make devices", async () => {
    const log = await logOf("mknod a b 8 0 2>&1; mknod b c 1 3 2>&1; ls; mount -t tmpfs x /build 2>&1")
    assert.doesNotMatch(log, /^[ab]$/m)
    assert.equal([...log.matchAll(/Operation not permitted|permission denied/gi)].length, 3)
  })

  test("stores links as links, wherever they lead", async () => {
    const script = "mkdir $out; ln -s /etc/passwd $out/a; ln -s ../../../../../../etc/passwd $out/b; ln -s / $out/c"
    const [output] = await build({ script })
    assert.deepEqual(await showTree(output!.node, services), [
      "/",
      "a -> /etc/passwd",
      "b -> ../../../../../../etc/passwd",
      "c -> /",
    ])
  })
  test("does not take the machine's files for outputs, where a build has put a link", async () => {
    const outputs = ["store/link/passwd"]
    const problem = await problemOf(build({ script: "ln -s /etc /store/link", outputs }))
    assert.deepEqual(problem, { code: "output-missing", path: outputs[0] })
  })
  test("an input that is a link leads nowhere but in the sandbox", async () => {
    const inputs = new Map([["link", await storeExample({ link: "/etc/os-release" }, services)]])
    assert.equal(await logOf("readlink /store/link; cat /store/link 2>/dev/null", { inputs }), "/etc/os-release\n")
  })

  test("bounds the number of processes", async () => {
    const bounded = await openService({ processesMax: 60 })
    const asleep = mark()
    const script = `i=0; while [ $i -lt 200 ]; do sleep ${asleep} & i=$((i+1)); done 2>/dev/null; exit 0`
    let most = 0
    const watch = setInterval(() => (most = Math.max(most, processesWith(asleep).length)), 5)
    // A shell that cannot start a process gives up.
    assert.deepEqual(await problemOf(build({ script }, {}, bounded)), { code: "exit", status: 2 })
    clearInterval(watch)
    assert.ok(most <= 60, `${most} processes`)
    assert.deepEqual(processesWith(asleep), [])
  })
  test("outlives a fork bomb", async () => {
    const bounded = await openService({ processesMax: 100 })
    const word = mark()
    const script = `echo 'b() { /bin/sh /build/bomb ${word} & /bin/sh /build/bomb ${word} & wait; }; b' >bomb; . ./bomb; exit 1`
    const problem = await problemOf(build({ script }, { timeoutMs: 1000 }, bounded))
    assert.ok(["timeout", "exit"].includes(problem.code), problem.code)
    assert.deepEqual(processesWith(word), [])
  })

  const groups = memoryGroups()
  test("bounds memory", { skip: groups === undefined && "no control groups may be made here" }, async () => {
    const memoryMax = 48 * 1024 * 1024
    const bounded = await openService({ memoryMax })
    const problem = await problemOf(build({ script: "tail /dev/zero" }, { timeoutMs: 60_000 }, bounded))
    assert.deepEqual(problem, { code: "memory", limit: memoryMax })
    assert.deepEqual(await logOf("echo enough", {}, bounded), "enough\n")
  })

  /** Folders of builds in that of a service. */
  const buildsIn = (dir: string): string[] => readdirSync(dir).filter((name) => existsSync(join(dir, name, "root")))
  test("removes what builds leave behind, in any state", async () => {
    const script =
      "mkdir -p a/b $out; echo 1 >a/b/c; chmod 0 a/b a; mkdir /tmp/x; chmod 0 /tmp/x; mkfifo /tmp/y; chmod 0 $out"
    await build({ script })
    await problemOf(build({ script: `${script}; exit 1` }))
    assert.deepEqual(buildsIn(join(folder, "work")), [])
  })

  const small = mkdtempSync(join(tmpdir(), "small-"))
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=24m,mode=0711", "build-test", small]).status === 0
  after(async () => {
    if (mounted) spawnSync("umount", ["--lazy", small])
    await removeTree(small)
  })
  test("says that the disk is full", { skip: !mounted && "only root can make a small disk" }, async () => {
    const cramped = await openService({ dir: join(small, "work") })
    const fill = "dd if=/dev/zero of=/build/zeros bs=1024k 2>&1; :"
    const failing = await problemOf(build({ script: `${fill}; exit 1` }, {}, cramped))
    assert.equal(failing.code, "disk-full")
    const silent = await problemOf(
      cramped.build(exampleRequest("", { script: `${fill}; cp zeros $out; rm -f $out; exit 0` })),
    )
    assert.equal(silent.code, "disk-full")
    assert.match(await logOf(`${fill} | tail -n 1; rm zeros`, {}, cramped), /No space left/)
    assert.deepEqual(await problemOf(build({ script: "exit 1" }, {}, cramped)), { code: "exit", status: 1 })
  })

  /** Builds in another process, which ends up killed or by itself. */
  const elsewhere = (script: string, dir: string, options = {}): ChildProcess =>
    spawn(process.execPath, [...NODE_OPTIONS, BUILD_PROCESS, dir, script], {
      stdio: ["ignore", "pipe", "inherit"],
      ...options,
    })
  const wordsOf = async (child: ChildProcess): Promise<string> => {
    let words = ""
    for await (const bytes of child.stdout!) words += String(bytes)
    return words
  }

  test("ends with the process that wanted it, and what that left behind is removed by the next", async () => {
    const dir = join(folder, "killed")
    const asleep = mark()
    const child = elsewhere(`echo begun; mkdir a; chmod 0 a; sleep ${asleep}`, dir)
    await once(child.stdout!, "data")
    while (processesWith(asleep).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill("SIGKILL")
    await once(child, "exit")
    while (processesWith(asleep).length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(buildsIn(join(dir, "work")).length, 1)
    assert.equal(await wordsOf(elsewhere("echo 1 >$out", dir)), '[": 1\\n"]\n')
    assert.deepEqual(readdirSync(join(dir, "work")), [])
  })

  test("inherits nothing that its caller's caller had open", async () => {
    const open = openSync(folder, "r")
    const nothing = Array.from({ length: 40 }, () => "ignore" as const)
    const child = elsewhere("cd /proc/self/fd; for i in *; do readlink $i; done; : >$out", join(folder, "inherited"), {
      stdio: ["ignore", "pipe", "inherit", ...nothing, open],
    })
    const log = await wordsOf(child)
    closeSync(open)
    assert.doesNotMatch(log, new RegExp(`^${folder}$`, "m"))
    assert.match(log, /\/dev\/null/)
  })

  test("builds in a folder that everybody gets to, with a network and without", async () => {
    chmodSync(folder, 0o755)
    const dir = join(folder, "open")
    const other = await openService({ dir })
    for (const changes of [online, {}]) {
      assert.equal(await logOf("echo x >/tmp/x; cat /tmp/x; ls /etc/passwd", changes, other), "x\n/etc/passwd\n")
    }
    chmodSync(folder, 0o700)
  })

  test("finds the programs that it needs without a PATH", async () => {
    const path = process.env["PATH"]
    delete process.env["PATH"]
    try {
      const other = await openService({ dir: join(folder, "no-path") })
      assert.equal(await logOf("echo built", {}, other), "built\n")
    } finally {
      process.env["PATH"] = path
    }
  })

  test("hands no files of ours to a build", async () => {
    const files = (await logOf("ls /proc/$$/fd")).trim().split("\n").map(Number)
    // The shell has none of its own yet: it is told what to do on its command line.
    assert.deepEqual(files, [0, 1, 2])
  })

  const isRoot = process.getuid?.() === 0
  const readable = spawnSync("setpriv", [
    "--reuid=65534",
    process.execPath,
    "-e",
    `fs.readFileSync("${BUILD_PROCESS}")`,
  ])
  const skip = !isRoot
    ? "only root can be somebody else"
    : readable.status !== 0 && "others may not read our files here"
  test("is the same for one who is not root", { skip }, async () => {
    const dir = join(folder, "other")
    chmodSync(folder, 0o777)
    const script = `id -u; mkdir -p $out/a /build/x; cat /store/input/file >$out/a/f; chmod 0 $out/a/f $out/a /build/x`
    const log = await wordsOf(elsewhere(script, dir, { uid: 65534, gid: 65534 }))
    assert.equal(log, '1000\n["/","a/","a/f: of an input\\n"]\n')
    assert.deepEqual(readdirSync(join(dir, "work")), [])
    chmodSync(folder, 0o700)
  })
})
