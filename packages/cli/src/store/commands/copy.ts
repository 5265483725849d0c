/** `tvix-store copy` */
import { formatStorePath, KeyError, parsePublicKey, type PublicKey, type StorePath } from "@tvix-ts/nix-compat"
import { copyPaths, type Store } from "@tvix-ts/store"
import { byteStringOf } from "@tvix-ts/bytes"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeOut } from "../../output.ts"
import { formatBytes, formatCount } from "../../amounts.ts"
import { describePath, parsePathWord, STORE_PATH_HELP } from "../lookup.ts"
import { withSession, type Session } from "../session.ts"
import { JSON_OPTION, SHARED_OPTIONS, storeAddress, storeSettings, type StoreSettings } from "../settings.ts"

interface CopySettings extends StoreSettings {
  from: string | undefined
  to: string | undefined
  all: boolean
  closure: boolean
  trusted: PublicKey[] | undefined
}

const OPTIONS: readonly Option<CopySettings>[] = [
  { names: ["--from"], values: ["URL"], summary: "where the paths are", set: (to, url) => void (to.from = url) },
  { names: ["--to"], values: ["URL"], summary: "where they are to be", set: (to, url) => void (to.to = url) },
  { names: ["--all"], values: [], summary: "every path that is there", set: (to) => void (to.all = true) },
  {
    names: ["--no-closure"],
    values: [],
    summary: "only the paths that are named, not those that they refer to",
    set: (to) => void (to.closure = false),
  },
  {
    names: ["--trusted-public-keys"],
    values: ["KEYS"],
    summary: "copy only what is content-addressed, or signed with one of KEYS: NAME:KEY, with blanks between them",
    set: (to, keys) => void (to.trusted = [...(to.trusted ?? []), ...parseKeys(keys)]),
  },
  JSON_OPTION,
  ...SHARED_OPTIONS,
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: CopySettings = {
    ...storeSettings(),
    from: undefined,
    to: undefined,
    all: false,
    closure: true,
    trusted: undefined,
  }
  const operands = await readOptions(tool, "copy", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withSession(tool, "copy", settings, async (session) => {
    const { from, to, all, closure, json, trusted } = settings
    if (from === undefined && to === undefined) throw new UsageError("say --from where or --to where")
    if (all === operands.length > 0) throw new UsageError("name store paths, or --all")
    const source = await session.open(from ?? storeAddress(settings))
    const destination = await session.open(to ?? storeAddress(settings))
    const { signal, progress } = session
    const paths = all ? await allPaths(source, session) : await namedPaths(operands, source, session)
    let bytesCopied = 0
    const copied = await copyPaths(paths, source, destination, {
      signal,
      closure,
      ...(trusted !== undefined && { trusted }),
      // Asking which chunks are there pays where bytes have a way to come.
      reuseChunks: isRemote(from) && !isRemote(to),
      onProgress(now) {
        bytesCopied = now.bytesCopied
        if (now.pathsTotal === 0) return progress.steps("looking for what is missing", now.found, undefined)
        const current = now.current === undefined ? "" : ` ${now.current.name}`
        const what = `copying${current} (${now.paths} of ${now.pathsTotal})`
        const bytes = Math.max(now.narBytes, now.bytesCopied + now.bytesThere)
        progress.update(what, { bytes }, now.narBytesTotal)
      },
    })
    progress.clear()
    if (json) {
      const record = { copied: copied.map(({ storePath }) => formatStorePath(storePath)), bytesCopied }
      writeOut(`${byteStringOf(JSON.stringify(record))}\n`)
    } else {
      for (const { storePath } of copied) writeOut(`${formatStorePath(storePath)}\n`)
      session.note(`${formatCount(copied.length, "path")} copied, ${formatBytes(bytesCopied)}`)
    }
    return 0
  })
}

function parseKeys(text: string): PublicKey[] {
  try {
    return text
      .split(/\s+/)
      .filter((key) => key !== "")
      .map(parsePublicKey)
  } catch (error) {
    if (error instanceof KeyError) throw new UsageError(`--trusted-public-keys: ${error.message}`)
    throw error
  }
}

function isRemote(address: string | undefined): boolean {
  return address?.startsWith("grpc+") ?? false
}

async function allPaths(store: Store, { signal }: Session): Promise<StorePath[]> {
  const paths: StorePath[] = []
  for await (const { storePath } of store.pathInfos.list({ signal })) paths.push(storePath)
  return paths
}

async function namedPaths(words: readonly string[], store: Store, { signal }: Session): Promise<StorePath[]> {
  const paths: StorePath[] = []
  for (const word of words.map(parsePathWord)) paths.push((await describePath(word, store, { signal })).storePath)
  return paths
}

export const command: Command = {
  usage: "tvix-store copy --from URL --to URL [OPTION...] STOREPATH... | --all",
  details: `One of --from and --to may be left out; it is the store of --store then. Paths that the destination has are left
alone, and so are files and chunks; whoever is interrupted goes on where it was. Prints the paths that were copied.
${STORE_PATH_HELP}

Examples:
  tvix-store copy --to grpc+http://127.0.0.1:8000 s66mzxpvicwk07gjbjfw9izjfa797vsw-hello
  tvix-store copy --from local:///srv/old --to local:///srv/new --all
  tvix-store copy --from 'nix+https://cache.nixos.org?trusted-public-keys=cache.nixos.org-1:6NCH…' /nix/store/…-hello
  TVIX_CACHE_TOKEN=… tvix-store copy --to nix+https://cache.example.org s66mzxpvicwk07gjbjfw9izjfa797vsw-hello`,
  options: OPTIONS,
  operands: "none",
  run,
}
