/** What both programs fetch from: files, a web server, and Git repositories, made anew in a folder. */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import process from "node:process"
import { gzipSync, zstdCompressSync } from "node:zlib"

export interface World {
  /** Variables for expressions: `$NAME` stands for their values. */
  readonly variables: Readonly<Record<string, string>>
  close(): void
}

const ENV = {
  ...process.env,
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.org",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.org",
  GIT_AUTHOR_DATE: "2020-01-01T00:00:00Z",
  GIT_COMMITTER_DATE: "2020-01-02T00:00:00Z",
}

export async function makeWorld(folder: string): Promise<World> {
  const run = (program: string, ...args: readonly string[]): Buffer =>
    execFileSync(program, args, { cwd: folder, env: ENV, stdio: ["ignore", "pipe", "pipe"] })
  const write = (path: string, contents: string | Uint8Array): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), contents)
  }
  makeArchives(folder, run, write)
  const revisions = makeRepositories(folder, run, write)
  const server = await serve(run)
  const { port } = server.address() as AddressInfo
  return {
    variables: { DIR: folder, HTTP: `http://127.0.0.1:${port}`, ...revisions },
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

type Run = (program: string, ...args: readonly string[]) => Buffer
type Write = (path: string, contents: string | Uint8Array) => void

function makeArchives(folder: string, run: Run, write: Write): void {
  write("text", "hello\n")
  write("with space", "hello\n")
  write("tree/top/file", "contents\n")
  write("tree/top/run", "#!/bin/sh\n")
  chmodSync(join(folder, "tree/top/run"), 0o755)
  symlinkSync("../file", join(folder, "tree/top/link"))
  mkdirSync(join(folder, "tree/top/empty"))
  write(`tree/top/${"long".repeat(40)}/${"name".repeat(40)}`, "x".repeat(300_000))
  write("tree/top/\u00e9", "not ASCII\n")
  const tar = (...args: readonly string[]): Buffer => run("tar", "--sort=name", "-C", "tree", "-cf", "-", ...args)
  const archive = tar("top")
  write("a.tar", archive)
  write("pax.tar", tar("--format=pax", "top"))
  write("v7.tar", run("tar", "--format=v7", "-C", "tree", "-cf", "-", "top/file", "top/link"))
  write("dot.tar", run("tar", "-C", "tree/top", "-cf", "-", "."))
  write("several.tar", run("tar", "-C", "tree/top", "-cf", "-", "file", "run"))
  write("one-file.tar", run("tar", "-C", "tree/top", "-cf", "-", "file"))
  write("a.tar.gz", gzipSync(archive))
  write("a.tar.zst", zstdCompressSync(archive))
  for (const [program, suffix] of [
    ["xz", "xz"],
    ["bzip2", "bz2"],
  ] as const) {
    write(`a.tar.${suffix}`, execFileSync(program, ["-c"], { input: archive, maxBuffer: 2 ** 28 }))
  }
  write("hard/top/a", "linked\n")
  run("ln", "hard/top/a", "hard/top/b")
  write("hard.tar", run("tar", "-C", "hard", "-cf", "-", "top"))
  write("empty.tar", run("tar", "-cf", "-", "-T", "/dev/null"))
  write("nothing.tar", "")
  write("truncated.tar", archive.subarray(0, 2000))
  write("not-a.tar", "no archive\n".repeat(200))
  write("two.tar", Buffer.concat([tar("top/file"), tar("top/run")]))
}

function makeRepositories(folder: string, run: Run, write: Write): Readonly<Record<string, string>> {
  const git = (where: string, ...args: readonly string[]): string =>
    run("git", "-C", where, "-c", "protocol.file.allow=always", ...args)
      .toString("utf8")
      .trim()
  const commit = (where: string): string => {
    git(where, "add", ".")
    git(where, "commit", "--quiet", "-m", "x")
    return git(where, "rev-parse", "HEAD")
  }
  git(".", "init", "--quiet", "-b", "main", "sub")
  write("sub/s", "in a submodule\n")
  commit("sub")
  /** A repository; with another `seed`, its commits have other names: C++ Nix takes trees with the same for the same. */
  const make = (where: string, seed: string): { first: string; second: string; side: string } => {
    git(".", "init", "--quiet", "-b", "main", where)
    write(`${where}/seed`, seed)
    write(`${where}/a`, "1\n")
    write(`${where}/d/run`, "x\n")
    chmodSync(join(folder, where, "d/run"), 0o755)
    symlinkSync("../a", join(folder, where, "d/link"))
    write(`${where}/ignored.txt`, "x")
    write(`${where}/docs/page`, "x")
    write(`${where}/deep/docs/page`, "x")
    write(`${where}/.gitattributes`, "*.txt export-ignore\ndocs/ export-ignore\n/deep/docs -export-ignore\n")
    const first = commit(where)
    git(where, "tag", "-a", "-m", "x", "v1")
    write(`${where}/b`, "2\n")
    git(where, "submodule", "--quiet", "add", join(folder, "sub"), "module")
    const second = commit(where)
    git(where, "checkout", "--quiet", "-b", "side", first)
    write(`${where}/side`, "s\n")
    const side = commit(where)
    git(where, "checkout", "--quiet", "main")
    return { first, second, side }
  }
  const commits = make("r", "commits")
  make("w", "working folder")
  const bare = make("b", "bare")
  git(".", "clone", "--quiet", "--bare", "b", "bare.git")
  git(".", "clone", "--quiet", "r", "dirty")
  write("dirty/a", "changed\n")
  write("dirty/added", "")
  git("dirty", "add", "added")
  write("dirty/untracked", "")
  rmSync(join(folder, "dirty/b"))
  git(".", "clone", "--quiet", "--depth", "1", `file://${folder}/r`, "shallow")
  git(".", "clone", "--quiet", "--recurse-submodules", "w", "full")
  git(".", "init", "--quiet", "-b", "main", "new")
  return {
    FIRST: commits.first,
    SIDE: commits.side,
    BARE_FIRST: bare.first,
    BARE_SECOND: bare.second,
    BARE_SIDE: bare.side,
  }
}

async function serve(run: Run): Promise<Server> {
  const file = (name: string): Buffer => run("cat", name)
  const server = createServer((request, response) => {
    const url = request.url ?? ""
    if (url.startsWith("/files/")) {
      try {
        response.end(file(decodeURIComponent(url.slice("/files/".length).replace(/\?.*/, ""))))
      } catch {
        response.writeHead(404).end()
      }
    } else if (url === "/gzipped") response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(file("text")))
    else if (url === "/moved") response.writeHead(302, { location: "/files/text" }).end()
    else if (url === "/moved.tar") response.writeHead(301, { location: "/files/a.tar" }).end()
    else if (url.startsWith("/status/")) response.writeHead(Number(url.slice("/status/".length))).end()
    else response.writeHead(404).end("nothing here")
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return server
}
