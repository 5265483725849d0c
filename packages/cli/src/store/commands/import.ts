/** `tvix-store import` */
import { basename, resolve } from "node:path"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { readTree } from "@tvix-ts/castore/node"
import { checkName, formatStorePath, NarReader, StorePathError } from "@tvix-ts/nix-compat"
import { storeTree, type PathInfo, type Store } from "@tvix-ts/store"
import type { Command, Tool } from "../../commands/command.ts"
import { wordBytes } from "../../command-line.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeOut } from "../../output.ts"
import { formatBytes, formatCount, formatDuration } from "../../amounts.ts"
import { pathInfoRecord } from "../path-info-record.ts"
import { inputPieces } from "../input.ts"
import { localStore } from "../local-store.ts"
import { withStore, type Session } from "../session.ts"
import { JSON_OPTION, SHARED_OPTIONS, storeSettings, type StoreSettings } from "../settings.ts"

interface ImportSettings extends StoreSettings {
  name: string | undefined
  root: string | undefined
  /** Nix archives to import, `-` standard input. */
  readonly archives: string[]
}

const OPTIONS: readonly Option<ImportSettings>[] = [
  {
    names: ["--name"],
    values: ["NAME"],
    summary: "what stands after the digest in the store path; else it is the name of what is imported",
    set: (to, name) => void (to.name = name),
  },
  {
    names: ["--root"],
    values: ["NAME"],
    summary: "keep it from tvix-store gc by a root of this name; where there are several, they are NAME-1, NAME-2 …",
    set: (to, name) => void (to.root = name),
  },
  {
    names: ["--nar"],
    values: ["FILE"],
    summary: "import what is in the Nix archive FILE; - is standard input",
    set: (to, file) => void to.archives.push(file),
  },
  JSON_OPTION,
  ...SHARED_OPTIONS,
]

/** What takes less needs no words. */
const NOTEWORTHY_MS = 1000

interface Source {
  /** As on the command line. */
  readonly word: string
  readonly kind: "tree" | "archive"
  readonly name: string
}

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: ImportSettings = { ...storeSettings(), name: undefined, root: undefined, archives: [] }
  const operands = await readOptions(tool, "import", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "import", settings, async (store, session) => {
    const { root, json } = settings
    const sources = sourcesOf(operands, settings)
    const roots = root === undefined ? undefined : localStore(store, "keep roots").roots
    const records: Record<string, object> = {}
    for (const [i, source] of sources.entries()) {
      const pathInfo = await importSource(source, store, session)
      const path = formatStorePath(pathInfo.storePath)
      roots?.add(sources.length === 1 ? root! : `${root}-${i + 1}`, pathInfo.storePath)
      if (json) records[path] = pathInfoRecord(pathInfo)
      // At once: whoever reads it may rely on it.
      else writeOut(`${path}\n`)
    }
    if (json) writeOut(`${byteStringOf(JSON.stringify(records))}\n`)
    return 0
  })
}

function sourcesOf(operands: readonly string[], { archives, name }: ImportSettings): readonly Source[] {
  const sources = [
    ...operands.map((word) => ({ word, kind: "tree" as const, name: name ?? basename(resolve(word)) })),
    ...archives.map((word) => ({ word, kind: "archive" as const, name: name ?? archiveName(word) })),
  ]
  if (sources.length === 0) throw new UsageError("nothing to import: name files or folders, or an archive with --nar")
  if (name !== undefined && sources.length > 1) throw new UsageError("--name is for one thing to import")
  return sources.map((source) => ({ ...source, name: checkedName(source, name === undefined) }))
}

/** @param found where it comes from, so that another might be given */
function checkedName({ word, name }: Source, found: boolean): string {
  const bytes = wordBytes(name)
  try {
    checkName(bytes)
    return bytes
  } catch (error) {
    if (!(error instanceof StorePathError)) throw error
    const reason = textOf(error.message) + (found ? "; --name gives it another" : "")
    throw new CastoreError({ code: "invalid", field: found ? `'${word}'` : "--name", reason }, { cause: error })
  }
}

function archiveName(file: string): string {
  if (file === "-") throw new UsageError("--nar - needs --name")
  return basename(file).replace(/\.nar$/, "")
}

async function importSource({ word, kind, name }: Source, store: Store, session: Session): Promise<PathInfo> {
  const { signal, progress } = session
  const started = performance.now()
  let amounts = { files: 0, bytes: 0 }
  const pathInfo = await storeTree(
    async (sink) => {
      if (kind === "tree") {
        const onProgress = (now: typeof amounts): void => {
          amounts = now
          progress.update(`importing ${word}`, now)
        }
        return readTree(wordBytes(word), sink, { signal, onProgress })
      }
      const reader = new NarReader(sink)
      for await (const piece of inputPieces(word, signal)) {
        const pending = reader.write(piece)
        if (pending !== undefined) await pending
        amounts.bytes += piece.length
        progress.update(`importing ${word}`, { bytes: amounts.bytes })
      }
      reader.end()
    },
    store,
    { name, signal },
  )
  progress.clear()
  const ms = performance.now() - started
  if (ms > NOTEWORTHY_MS) {
    const { files, bytes } = amounts
    const rate = formatBytes((bytes / ms) * 1000)
    const what = kind === "tree" ? `${formatCount(files, "file")}, ` : ""
    session.note(`${word}: ${what}${formatBytes(bytes)} in ${formatDuration(ms)}, ${rate}/s`)
  }
  return pathInfo
}

export const command: Command = {
  usage: "tvix-store import [OPTION...] PATH... | --nar FILE",
  details: `Prints the store path of each, which is the one nix-store --add gives it. Links are stored as links. What is not a file,
a folder or a link cannot be stored. A path is printed once it is safe on the disk.

Examples:
  tvix-store import ./src
  tvix-store import --name hello-2.12 --root hello ./result
  tvix-store import --nar hello.nar
  nix-store --dump ./src | tvix-store import --nar - --name src`,
  options: OPTIONS,
  operands: "files",
  run,
}
