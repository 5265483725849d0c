/** `tvix-store nar` */
import { closeSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from "node:fs"
import { isatty } from "node:tty"
import { CastoreError } from "@tvix-ts/castore"
import { writeNar } from "@tvix-ts/store"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeOutBytes } from "../../output.ts"
import { find, parseStoreWord, STORE_PATH_HELP } from "../lookup.ts"
import { withStore } from "../session.ts"
import { SHARED_OPTIONS, storeSettings, type StoreSettings } from "../settings.ts"

interface NarSettings extends StoreSettings {
  /** Standard output without. */
  output: string | undefined
}

const OPTIONS: readonly Option<NarSettings>[] = [
  {
    names: ["-o", "--output"],
    values: ["FILE"],
    summary: "write to FILE, which is there when it is complete; in the place of another, perhaps",
    set: (to, file) => {
      if (file === "") throw new UsageError("--output needs a name")
      to.output = file === "-" ? undefined : file
    },
  },
  ...SHARED_OPTIONS,
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: NarSettings = { ...storeSettings(), output: undefined }
  const operands = await readOptions(tool, "nar", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "nar", settings, async (store, { signal, progress }) => {
    const [word, ...more] = operands
    if (word === undefined || more.length > 0) throw new UsageError("name one store path")
    const { output } = settings
    if (output === undefined && isatty(1)) {
      throw new UsageError("an archive is nothing to look at: name a file with -o, or a program after |")
    }
    const parsed = parseStoreWord(word)
    const { node, pathInfo } = await find(parsed, store, { signal })
    const total = parsed.below.length === 0 ? pathInfo?.narSize : undefined
    let bytes = 0
    const counted = (write: (piece: Uint8Array) => void) => (piece: Uint8Array) => {
      write(piece)
      bytes += piece.length
      progress.update(`writing ${output ?? "the archive"}`, { bytes }, total)
    }
    if (output === undefined) await writeNar(node, store, counted(writeOutBytes), { signal })
    else await writeFile(output, (write) => writeNar(node, store, counted(write), { signal }))
    return 0
  })
}

/**
 * A file that is there when `produce` is done, and not at all if that fails. What is no file, `/dev/stdout` or a FIFO, is
 * written to where it is.
 */
async function writeFile(path: string, produce: (write: (bytes: Uint8Array) => void) => Promise<void>): Promise<void> {
  const there = statSync(path, { throwIfNoEntry: false })
  if (there?.isDirectory() === true)
    throw new CastoreError({ code: "invalid", field: `'${path}'`, reason: "is a directory" })
  const inPlace = there !== undefined && !there.isFile()
  // Of a link, what it leads to is replaced.
  const target = there === undefined || inPlace ? path : realpathSync(path)
  const draft = inPlace ? target : `${target}.${process.pid}.part`
  let file
  try {
    file = openSync(draft, inPlace ? "w" : "wx")
  } catch (error) {
    throw Object.assign(error as NodeJS.ErrnoException, { syscall: "write", path })
  }
  try {
    await produce((bytes) => {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
    })
    closeSync(file)
    if (!inPlace) renameSync(draft, target)
  } catch (error) {
    if (!inPlace) rmSync(draft, { force: true })
    throw error
  }
}

export const command: Command = {
  usage: "tvix-store nar [OPTION...] STOREPATH[/FILE]",
  details: `The bytes are those of nix-store --dump. ${STORE_PATH_HELP}

Examples:
  tvix-store nar s66mzxpvicwk07gjbjfw9izjfa797vsw-hello -o hello.nar
  tvix-store nar s66mzxpvicwk07gjbjfw9izjfa797vsw-hello | sha256sum
  tvix-store nar s66mzxpvicwk07gjbjfw9izjfa797vsw-hello | ssh other nix-store --restore ./hello`,
  options: OPTIONS,
  operands: "none",
  run,
}
