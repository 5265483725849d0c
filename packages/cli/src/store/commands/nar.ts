/** `tvix-store nar` */
import { renameSync, rmSync } from "node:fs"
import { openSync, closeSync, writeSync } from "node:fs"
import { isatty } from "node:tty"
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
    set: (to, file) => void (to.output = file === "-" ? undefined : file),
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

/** A file that is there when `produce` is done, and not at all if that fails. */
async function writeFile(path: string, produce: (write: (bytes: Uint8Array) => void) => Promise<void>): Promise<void> {
  const draft = `${path}.${process.pid}.part`
  const file = openSync(draft, "wx")
  try {
    await produce((bytes) => {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
    })
    closeSync(file)
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
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
