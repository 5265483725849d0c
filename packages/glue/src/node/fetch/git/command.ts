/**
 * Git's own command. No argument that comes from a program, a repository or a server may be taken for an option: they stand
 * behind a `--`, or are references by `isGitRef` of nix-compat, which never begin with a dash.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import { byteStringFrom, textOf } from "@tvix-ts/bytes"
import type { Login } from "../../../fetch/url.ts"
import { FetchError } from "../../../fetch/problem.ts"

export interface GitOutput {
  readonly status: number
  /** Byte strings. */
  readonly stdout: string
  readonly stderr: string
}

export interface GitOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Stops it. */
  readonly signal: AbortSignal
  /** Given to the server that asks for it, if it is this one. */
  readonly login?: ServerLogin
  readonly indexFile?: string
  /** A byte string. */
  readonly stdin?: string
  /** Takes what git says on the way. */
  readonly onStderr?: (text: string) => void
}

export interface ServerLogin extends Login {
  /** Scheme, host and port: `https://example.org`. */
  readonly origin: string
}

/** Of a listing: that of Linux, of 90,000 files, has a twentieth of it. No string of JavaScript's is twice as long. */
const OUTPUT_MAX = 256 * 2 ** 20
/** Of messages: the last ones count. */
const STDERR_KEPT = 64 * 1024

/** What a git that runs us says to those it starts: about another repository. */
const INHERITED = [
  "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_REPLACE_REF_BASE",
] // prettier-ignore

/** `args` as byte strings. What git says on standard error is for whoever asked; its exit code, too. */
export async function git(args: readonly string[], options: GitOptions): Promise<GitOutput> {
  const child = start(args, options)
  const pieces: Uint8Array[] = []
  let length = 0
  let stderr = ""
  child.stdout.on("data", (piece: Uint8Array) => {
    length += piece.length
    if (length > OUTPUT_MAX) child.kill()
    else pieces.push(piece)
  })
  child.stderr.on("data", (piece: Uint8Array) => {
    const text = byteStringFrom(piece)
    options.onStderr?.(text)
    stderr = (stderr + text).slice(-STDERR_KEPT)
  })
  // It may end before it has read everything.
  child.stdin.on("error", () => undefined)
  child.stdin.end(Buffer.from(options.stdin ?? "", "latin1"))
  const status = await new Promise<number>((resolve, reject) => {
    child.on("error", (error) => reject(noGit(error)))
    child.on("close", (code) => resolve(code ?? -1))
  })
  if (length > OUTPUT_MAX) throw new FetchError({ code: "git", message: `git ${args[0]} says too much` })
  return { status, stdout: Buffer.concat(pieces).toString("latin1"), stderr }
}

/** As {@link git}; anything but success is an error: `message`, and the last thing that git said. */
export async function gitOrFail(message: string, args: readonly string[], options: GitOptions): Promise<string> {
  const { status, stdout, stderr } = await git(args, options)
  if (status !== 0) throw gitError(message, stderr)
  return stdout
}

export function gitError(message: string, stderr: string): FetchError {
  const line = lastLine(stderr)
  return new FetchError({ code: "git", message: line === "" ? message : `${message}: ${line}` })
}

/** What matters is said last, after any progress, but before advice. */
function lastLine(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    // Where this is said, the line before says why.
    .filter((line) => line !== "" && line !== "fatal: Could not read from remote repository.")
  const line = lines.findLast((text) => /^(?:fatal|error): /.test(text)) ?? lines.at(-1) ?? ""
  // Addresses with something before an `@` in them may have a password there.
  return line.replace(/([a-z+]+:\/\/)[^\s/'"]*@/gi, "$1")
}

const LOGIN_NAME = "TVIX_GIT_NAME"
const LOGIN_PASSWORD = "TVIX_GIT_PASSWORD"
/**
 * Says the login to git (gitcredentials(7)), without its being in any list of processes. Unlike `http.extraHeader`, which
 * git sends wherever a server leads it, this is for one server only.
 */
const HELPER = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$${LOGIN_NAME}" "$${LOGIN_PASSWORD}"; }; f`

export type GitProcess = ChildProcessByStdio<Writable, Readable, Readable>

export function start(args: readonly string[], { env, signal, login, indexFile }: GitOptions): GitProcess {
  const child: Record<string, string | undefined> = {
    ...env,
    ...Object.fromEntries(INHERITED.map((name) => [name, undefined])),
    LC_ALL: "C",
    // Nobody is there to answer.
    GIT_TERMINAL_PROMPT: "0",
    // Others may be using a working folder.
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_ATTR_NOSYSTEM: "1",
    // Not `ext::`, which is a command of its own, nor what helpers add.
    GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh",
    ...(indexFile !== undefined && { GIT_INDEX_FILE: indexFile }),
  }
  if (login !== undefined) {
    child[LOGIN_NAME] = textOf(login.name)
    child[LOGIN_PASSWORD] = textOf(login.password)
    const helper = `credential.${login.origin}.helper`
    const given = Number(env["GIT_CONFIG_COUNT"] ?? 0)
    // The first one does away with those of the user, which would keep what is theirs to know.
    for (const [i, value] of ["", HELPER].entries()) {
      child[`GIT_CONFIG_KEY_${given + i}`] = helper
      child[`GIT_CONFIG_VALUE_${given + i}`] = value
    }
    child["GIT_CONFIG_COUNT"] = String(given + 2)
  }
  return spawn(
    "git",
    // Programs that a repository's settings name are not run; nobody else's work is done in passing.
    ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "maintenance.auto=false"]
      .concat(args)
      .map((arg) => Buffer.from(arg, "latin1").toString()),
    { stdio: ["pipe", "pipe", "pipe"], env: child, signal },
  )
}

export function noGit(cause: Error): FetchError {
  const missing = (cause as NodeJS.ErrnoException).code === "ENOENT"
  const message = missing
    ? "the command 'git', which fetches repositories, was not found"
    : `running git: ${cause.message}`
  return new FetchError({ code: "git", message }, { cause })
}
