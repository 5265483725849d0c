import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { after, before, describe, test } from "node:test"
import { byteStringFrom, bytesOf, isUtf8, utf8 } from "@tvix-ts/bytes"
import {
  TreeBuilder,
  walkNode,
  type BlobService,
  type DirectoryService,
  type Node,
  type TreeSink,
} from "@tvix-ts/castore"
import { BuildError, type BuildProblem } from "../problem.ts"
import type { BuildRequest } from "../request.ts"
import type { BuildOptions, BuildOutput, BuildService } from "../service.ts"

export interface OpenBuildService {
  readonly service: BuildService
  readonly blobs: BlobService
  readonly directories: DirectoryService
  /** Where everything of the requests is: a path below the root that a build may have, with a slash at its end, or "". */
  readonly prefix: string
  /** Whether another process builds, to whom the words of a command, and names of variables, can be told as text only. */
  readonly remote?: boolean
  /** Called after `service.close()`. */
  readonly close?: () => Promise<void>
}

/** What the machine is called; with the shell and its few programs, all that the builds need. */
const SYSTEM = process.arch === "arm64" ? "aarch64-linux" : "x86_64-linux"

export interface Example extends Partial<BuildRequest> {
  readonly script?: string
}

/** A request to run a script in the folder `build`, whose output is `store/out`; with `changes`. */
export function exampleRequest(prefix: string, { script = "", ...changes }: Example): BuildRequest {
  return {
    inputs: new Map(),
    inputsDir: `${prefix}store`,
    command: ["/bin/sh", "-c", script],
    workingDir: `${prefix}build`,
    scratchPaths: [`${prefix}build`, `${prefix}store`],
    outputs: [`${prefix}store/out`],
    environment: new Map([
      ["PATH", "/bin:/usr/bin"],
      ["out", `/${prefix}store/out`],
      ["store", `/${prefix}store`],
    ]),
    constraints: { system: SYSTEM, memoryMin: 0, availablePaths: [], network: false, binSh: true },
    additionalFiles: new Map(),
    needles: [],
    ...changes,
  }
}

export type Tree = string | { readonly x: string } | { readonly link: string } | { readonly [name: string]: Tree }

/** Stores a tree: strings are files, `x` executable ones. */
export async function storeExample(
  tree: Tree,
  services: { readonly blobs: BlobService; readonly directories: DirectoryService },
): Promise<Node> {
  const builder = new TreeBuilder(services)
  const tell = async (one: Tree): Promise<void> => {
    if (typeof one === "string" || isOne(one, "x")) {
      const contents = bytesOf(typeof one === "string" ? one : one.x)
      builder.file(contents.length, typeof one !== "string")
      if (contents.length > 0) await builder.contents(contents)
    } else if (isOne(one, "link")) {
      builder.symlink(one.link)
    } else {
      builder.directory()
      for (const [name, entry] of Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) {
        builder.entry(name)
        await tell(entry)
      }
      builder.endDirectory()
    }
  }
  await tell(tree)
  return builder.finish()
}

function isOne<K extends "x" | "link">(tree: object, key: K): tree is { readonly [key in K]: string } {
  return key in tree && typeof (tree as Record<K, unknown>)[key] === "string"
}

/** The tree of a node, one thing a line: `a/b x: contents`, `a/c -> target`, `a/`. */
export async function showTree(
  node: Node,
  services: { readonly blobs: BlobService; readonly directories: DirectoryService },
): Promise<string[]> {
  const lines: string[] = []
  const names: string[] = []
  const sink: TreeSink = {
    file(_size, executable) {
      lines.push(`${names.join("/")}${executable ? " x" : ""}: `)
    },
    contents(bytes) {
      lines[lines.length - 1] += byteStringFrom(bytes)
    },
    symlink(target) {
      lines.push(`${names.join("/")} -> ${target}`)
    },
    directory() {
      lines.push(`${names.join("/")}/`)
      names.push("")
    },
    entry(name) {
      names[names.length - 1] = name
    },
    endDirectory() {
      names.pop()
    },
  }
  await walkNode(node, services, sink)
  return lines
}

/** The problem of a build that has to fail. */
export async function problemOf(build: Promise<unknown>): Promise<BuildProblem> {
  try {
    await build
  } catch (error) {
    if (error instanceof BuildError) return error.problem
    throw error
  }
  throw new Error("it did not fail")
}

/** Those of this machine's processes that have `mark` as an argument. */
export function processesWith(mark: string): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0").includes(mark)
    } catch {
      return false
    }
  })
}

/** Arguments that a shell would take apart, and bytes that are no text. */
const AWKWARD = ["", "two words", "it's", '"$HOME"', "*", "a\nb", "\xff\xc3", "\xc3\xa9", "-n", "\\"]

/** What a back end need not do, since what is behind it cannot. */
export type Lack =
  | "bytes that are no text"
  | "saying what cannot be started"
  | "a first word that is not the path"
  | "saying what is no part of a tree"
  | "the permissions and times of inputs"
  | "telling a log as it comes"
  | "limits of a log"
  | "a log that cannot be cut off"

/** What every build service has to do. */
export function testBuildService(
  name: string,
  open: () => Promise<OpenBuildService>,
  { lacks = [] }: { readonly lacks?: readonly Lack[] } = {},
): void {
  const able = (...needed: readonly Lack[]): { skip?: string } => {
    const missing = needed.find((lack) => lacks.includes(lack))
    return missing === undefined ? {} : { skip: `it lacks: ${missing}` }
  }
  describe(`build service: ${name}`, () => {
    let opened: OpenBuildService
    before(async () => {
      opened = await open()
    })
    after(async () => {
      await opened.service.close()
      await opened.close?.()
    })

    const build = (example: Example, options?: BuildOptions): Promise<readonly BuildOutput[]> =>
      opened.service.build(exampleRequest(opened.prefix, example), options)
    const inPlace = (path: string): string => `${opened.prefix}${path}`
    const outputOf = async (example: Example): Promise<string[]> => showTree((await build(example))[0]!.node, opened)
    const logOf = async (example: Example, options: BuildOptions = {}): Promise<string> => {
      let log = ""
      await build(example, { ...options, onLog: (bytes) => (log += byteStringFrom(bytes)) })
      return log
    }

    for (const [what, script, expected] of [
      ["a file", "echo hello >$out", [": hello\n"]],
      ["an empty file", ": >$out", [": "]],
      ["an executable", "echo hello >$out; chmod 755 $out", [" x: hello\n"]],
      ["what only the owner may execute", "echo hello >$out; chmod 700 $out", [" x: hello\n"]],
      ["a link", "ln -s /nowhere $out", [" -> /nowhere"]],
      [
        "what others may write to in a folder that they may not",
        "mkdir $out; : >$out/a; chmod 777 $out/a",
        ["/", "a x: "],
      ],
      ["a link to what is not of the build", "ln -s /etc/passwd $out", [" -> /etc/passwd"]],
      ["an empty folder", "mkdir $out", ["/"]],
      [
        "a folder, sorted by bytes",
        "mkdir -p $out/b $out/b.c; echo 1 >$out/b/x; echo 2 >$out/b.c/y; ln -s b $out/a; echo 3 >$out/Z",
        ["/", "Z: 3\n", "a -> b", "b/", "b/x: 1\n", "b.c/", "b.c/y: 2\n"],
      ],
      [
        "what its owner may not read",
        "mkdir -p $out/a; echo 1 >$out/a/f; chmod 0 $out/a/f $out/a",
        ["/", "a/", "a/f: 1\n"],
      ],
      ["a name that is no text", "mkdir $out; echo 1 >$out/$(printf '\\377')", ["/", "\xff: 1\n"]],
    ] as const) {
      const options = what === "a name that is no text" ? able("bytes that are no text") : {}
      test(`stores ${what}`, options, async () => assert.deepEqual(await outputOf({ script }), expected))
    }

    test("gives the outputs in the order of the request", async () => {
      const outputs = ["a", "below/b", "c"].map((path) => inPlace(`store/${path}`))
      const built = await build({ script: "cd $store; mkdir below; echo 3 >c; echo 2 >below/b; echo 1 >a", outputs })
      assert.deepEqual(
        built.map(({ path }) => path),
        outputs,
      )
      const trees = await Promise.all(built.map(({ node }) => showTree(node, opened)))
      assert.deepEqual(trees.flat(), [": 1\n", ": 2\n", ": 3\n"])
    })

    for (const [what, script, expected] of [
      ["a status", "echo >$out; exit 3", { code: "exit", status: 3 }],
      ["a signal", "echo >$out; kill -KILL $$", { code: "signal", signal: "SIGKILL" }],
      ["a signal that can be handled", "kill -TERM $$", { code: "signal", signal: "SIGTERM" }],
    ] as const) {
      test(`fails if the command ends with ${what}`, async () => {
        assert.deepEqual(await problemOf(build({ script })), expected)
      })
    }

    test("fails if the command cannot be started", able("saying what cannot be started"), async () => {
      const problem = await problemOf(build({ command: ["/nowhere/to/be/found"] }))
      assert.equal(problem.code, "start")
      assert.match(problem.code === "start" ? problem.reason : "", /nowhere/)
    })

    test("says nothing else of a command that cannot be started", able("saying what cannot be started"), async () => {
      let log = ""
      const onLog = (bytes: Uint8Array): void => void (log += byteStringFrom(bytes))
      for (const path of ["/nowhere/to/be/found", "/etc/passwd", `/${inPlace("build/text")}`]) {
        const additionalFiles = new Map([[inPlace("build/text"), utf8("true")]])
        const problem = await problemOf(build({ command: [path], additionalFiles }, { onLog }))
        assert.equal(problem.code, "start", path)
      }
      assert.equal(log, "")
    })
    test("fails as commands do that look for others", async () => {
      assert.deepEqual(await problemOf(build({ script: "exec /nowhere/to/be/found" })), { code: "exit", status: 127 })
    })

    for (const [what, script] of [
      ["was not made", "true"],
      ["was made elsewhere", "mkdir $store/elsewhere; echo 1 >$store/elsewhere/out"],
    ] as const) {
      test(`fails if an output ${what}`, async () => {
        const outputs = [inPlace("store/a/out")]
        assert.deepEqual(await problemOf(build({ script, outputs })), { code: "output-missing", path: outputs[0] })
      })
    }
    test("fails if an output is in a folder that is a link", async () => {
      const outputs = [inPlace("store/linked/out")]
      const script = "mkdir b; echo 1 >b/out; ln -s $PWD/b $store/linked"
      assert.deepEqual(await problemOf(build({ script, outputs })), { code: "output-missing", path: outputs[0] })
    })
    const suspicious = "has suspicious permissions: others than its owner may write to it"
    for (const [what, script, reason] of [
      ["is none", "mkfifo $out", "has a FIFO in it: itself"],
      ["has in it what is none", "mkdir -p $out/a; mkfifo $out/a/b", "has a FIFO in it: 'a/b'"],
      ["could be written to by others", "mkdir $out; chmod 775 $out", suspicious],
      ["could be written to by everybody", "echo 1 >$out; chmod 646 $out", suspicious],
    ] as const) {
      test(`fails if a tree that is to be an output ${what}`, able("saying what is no part of a tree"), async () => {
        const path = inPlace("store/out")
        assert.deepEqual(await problemOf(build({ script })), { code: "output-invalid", path, reason })
      })
    }

    test("tells what the command writes, in order, byte for byte", async () => {
      const script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf '\\377\\0x'; : >$out"
      const expected = "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n\xff\0x"
      assert.equal(await logOf({ script }), expected)
    })
    test("tells what is written to /dev/stdout and /dev/stderr", able("a log that cannot be cut off"), async () => {
      assert.equal(await logOf({ script: "echo 1 >/dev/stdout; echo 2 >/dev/stderr; : >$out" }), "1\n2\n")
    })
    test("tells what a command wrote that then failed", async () => {
      let log = ""
      const onLog = (bytes: Uint8Array): void => void (log += byteStringFrom(bytes))
      await problemOf(build({ script: "echo so it goes; exit 1" }, { onLog }))
      assert.equal(log, "so it goes\n")
    })
    test("tells all of a long log", async () => {
      const script = "i=0; while [ $i -lt 20000 ]; do echo 0123456789 0123456789 $i; i=$((i+1)); done; : >$out"
      const lines = (await logOf({ script })).split("\n")
      assert.equal(lines.length, 20_001)
      assert.equal(lines[19_999], "0123456789 0123456789 19999")
    })

    test("gives the command its arguments, and no input", async () => {
      const script = 'cat; shift; for word; do printf "<%s>" "$word"; done; : >$out'
      const words = AWKWARD.filter((word) => opened.remote !== true || isUtf8(word))
      const log = await logOf({ command: ["/bin/sh", "-c", script, "sh", "-", ...words] })
      assert.equal(log, words.map((word) => `<${word}>`).join(""))
    })

    test("calls the command by the end of its path", able("a first word that is not the path"), async () => {
      const script = "tr '\\0' '|' </proc/$$/cmdline; : >$out"
      assert.equal(await logOf({ script }), `sh|-c|${script}|`)
    })

    test("gives the command the environment of the request, and PWD", async () => {
      const values = AWKWARD.filter((value) => !lacks.includes("bytes that are no text") || isUtf8(value))
      const variables = values.map((value, index): [string, string] => [`v${index}`, value])
      const environment = new Map([
        ...variables,
        ["out", `/${inPlace("store/out")}`],
        ["PATH", "/bin:/usr/bin"],
        ["a.b-c d", "1"],
        [opened.remote === true ? "\xc3\xbf" : "\xff", "2"],
      ])
      // What the shell was given, not what it made of it.
      const log = await logOf({ environment, script: "cat /proc/$$/environ; : >$out" })
      const given = log.split("\0").filter((variable) => variable !== "" && !variable.startsWith("PWD="))
      const wanted = [...environment].map(([key, value]) => `${key}=${value}`)
      assert.deepEqual(given.toSorted(), wanted.toSorted())
    })

    test("starts the command in its folder, which is empty", async () => {
      assert.equal(await logOf({ script: "pwd; ls -A; : >$out" }), `/${inPlace("build")}\n`)
      const workingDir = inPlace("build/a/b")
      assert.equal(await logOf({ script: "pwd; : >$out", workingDir }), `/${workingDir}\n`)
    })

    test("puts additional files there", async () => {
      const additionalFiles = new Map([
        [inPlace("build/.attrs"), utf8("some\n")],
        [inPlace("build/a/b/c"), Uint8Array.of(0xff, 10)],
        [inPlace("build/empty"), new Uint8Array()],
      ])
      const script = "cat .attrs a/b/c empty; echo more >.attrs; cat .attrs; : >$out"
      assert.equal(await logOf({ script, additionalFiles }), "some\n\xff\nmore\n")
    })

    test("shows the inputs", async () => {
      const tree = {
        bin: { tool: { x: "#!/bin/sh\necho a tool\n" } },
        share: { text: "text\n", link: { link: "text" } },
      }
      const inputs = new Map([
        ["folder", await storeExample(tree, opened)],
        ["file", await storeExample("a file\n", opened)],
        ["program", await storeExample({ x: "#!/bin/sh\necho a program\n" }, opened)],
      ])
      const script = "cd $store; folder/bin/tool; ./program; cat file folder/share/link; : >$out"
      assert.equal(await logOf({ script, inputs }), "a tool\na program\na file\ntext\n")
    })
    const likeNix = able("the permissions and times of inputs")
    test("shows inputs as Nix has them: nobody may write, and everything is from 1970", likeNix, async () => {
      const inputs = new Map([["modes", await storeExample({ x: { x: "" }, f: "", d: {} }, opened)]])
      const script = "cd $store/modes; stat -c '%a %Y %n' . d f x; : >$out"
      assert.equal(await logOf({ script, inputs }), "555 1 .\n555 1 d\n444 1 f\n555 1 x\n")
    })
    test("copies an input to an output", async () => {
      const inputs = new Map([["in", await storeExample({ a: { x: "1" }, b: { c: "2" } }, opened)]])
      const [output] = await build({ script: "cp -a $store/in $out", inputs })
      assert.deepEqual(output!.node, inputs.get("in"))
    })

    test("says which needles are in which output", async () => {
      const needles = ["in-a-file", "in-a-name", "in-a-link", "nowhere", "acrossfiles", "in-a-file"]
      const outputs = ["a", "b"].map((path) => inPlace(`store/${path}`))
      const script = `cd $store; mkdir a
        echo xxin-a-filexx >a/f; printf acros >a/g; printf sfiles >a/h; ln -s /in-a-link/x a/l
        mkdir -p b/yin-a-namey`
      const built = await build({ script, needles, outputs })
      assert.deepEqual(
        built.map((output) => output.needles),
        [[0, 2, 5], [1]],
      )
    })

    test("builds eight at a time", async () => {
      const trees = await Promise.all(
        Array.from({ length: 8 }, (_, index) => outputOf({ script: `echo ${index} >f; cat f >$out` })),
      )
      assert.deepEqual(
        trees.flat(),
        Array.from({ length: 8 }, (_, index) => `: ${index}\n`),
      )
    })

    test("refuses a request that makes no sense", async () => {
      const problem = await problemOf(build({ outputs: ["../out"] }))
      assert.equal(problem.code, "invalid")
    })
    test("refuses to be another machine", async () => {
      const { constraints } = exampleRequest(opened.prefix, {})
      const problem = await problemOf(build({ constraints: { ...constraints, system: "pdp11-unix" } }))
      assert.equal(problem.code, "unsupported")
    })
    test("refuses to have what it has not", async () => {
      const { constraints } = exampleRequest(opened.prefix, {})
      const problem = await problemOf(
        build({ constraints: { ...constraints, availablePaths: ["/dev/no-such-thing"] } }),
      )
      assert.equal(problem.code, "unsupported")
    })

    for (const [what, script, options, expected] of [
      ["duration", "echo 1; sleep 1000", { timeoutMs: 300 }, { code: "timeout", limitMs: 300 }],
      ["silence", "sleep 1000", { silenceMs: 300 }, { code: "silence", limitMs: 300 }],
      ["log without end", "yes", { logBytesMax: 100_000 }, { code: "log-limit", limit: 100_000 }],
      ["duration, though it writes", "yes", { timeoutMs: 300 }, { code: "timeout", limitMs: 300 }],
    ] as const) {
      const needed = what === "silence" || what === "log without end" ? able("limits of a log") : {}
      test(`ends a command for its ${what}`, needed, async () => {
        let said = 0
        const onLog = (bytes: Uint8Array): void => void (said += bytes.length)
        assert.deepEqual(await problemOf(build({ script }, { ...options, onLog })), expected)
        if ("logBytesMax" in options) assert.ok(said <= options.logBytesMax)
      })
    }

    /** A duration nobody else sleeps. */
    const mark = (): string => `${9_000_000 + Math.floor(Math.random() * 1_000_000)}`
    test("leaves nothing running of a command that ended", async () => {
      const [here, away] = [mark(), mark()]
      const script = `sleep ${here} & (setsid sleep ${away} </dev/null &) ; : >$out`
      await build({ script })
      assert.deepEqual([...processesWith(here), ...processesWith(away)], [])
    })
    test("leaves nothing running of a command that was given up", able("telling a log as it comes"), async () => {
      const [here, away] = [mark(), mark()]
      const stop = new AbortController()
      const reason = new Error("no more")
      // Both are there before we hear of it, or whoever is elsewhere could be looking for them too early.
      const script = `(setsid sleep ${away} & echo $! >away); sleep ${here} &
        for i in $! $(cat away); do until tr '\\0' ' ' </proc/$i/cmdline | grep -q ^sleep; do :; done; done
        echo started; wait`
      const onLog = (): void => stop.abort(reason)
      await assert.rejects(build({ script }, { signal: stop.signal, onLog }), reason)
      const left = (): string[] => [...processesWith(here), ...processesWith(away)]
      // Who is elsewhere hears of it later.
      while (opened.remote === true && left().length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
      assert.deepEqual(left(), [])
    })
    test("does not begin what was given up before", async () => {
      const reason = new Error("never mind")
      await assert.rejects(build({ script: ": >$out" }, { signal: AbortSignal.abort(reason) }), reason)
    })
  })
}
