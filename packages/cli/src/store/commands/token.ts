/** `tvix-store token`: who may read and write what `tvix-store serve` serves. */
import { byteStringOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import type { Right, Token, TokenRegistry } from "@tvix-ts/nar-bridge"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { Lines, printable, writeOut } from "../../output.ts"
import { runTool } from "../../tool.ts"
import { VERSION } from "../../version.ts"
import { withSession, type Session } from "../session.ts"
import {
  JSON_OPTION,
  parseDuration,
  SHARED_OPTIONS,
  storeAddress,
  storeSettings,
  type StoreSettings,
} from "../settings.ts"
import { TOKENS_OPTION, tokensFile, type TokenSettings } from "../tokens-file.ts"

interface Settings extends StoreSettings, TokenSettings {}
interface CreateSettings extends Settings {
  name: string | undefined
  rights: Set<Right>
  expiresMs: number | undefined
}

const CREATE_OPTIONS: readonly Option<CreateSettings>[] = [
  {
    names: ["--name"],
    values: ["NAME"],
    summary: "whose the token is, or what it is for",
    set: (to, name) => void (to.name = name),
  },
  {
    names: ["--read"],
    values: [],
    summary: "it is good for reading, where the server asks for tokens to read at all (the default)",
    set: (to) => void to.rights.add("read"),
  },
  {
    names: ["--write"],
    values: [],
    summary: "it is good for uploading too",
    set: (to) => void to.rights.add("write"),
  },
  {
    names: ["--expires"],
    values: ["TIME"],
    summary: "how long it is good for, as 12h or 90d; without, until it is revoked",
    set: (to, text) => void (to.expiresMs = parseDuration("--expires", text)),
  },
  TOKENS_OPTION,
  JSON_OPTION,
  ...SHARED_OPTIONS,
]

async function withTokens(
  settings: Settings,
  session: Session,
  work: (tokens: TokenRegistry) => void,
): Promise<number> {
  // What says where the tokens are may do without a store.
  const file = settings.tokens ?? tokensFile(settings, await session.open(storeAddress(settings)))
  const { openTokenFile } = await import("@tvix-ts/nar-bridge/node")
  const tokens = openTokenFile(file)
  try {
    work(tokens)
  } finally {
    tokens.close()
  }
  return 0
}

const create: Command = {
  usage: "tvix-store token create --name NAME [--read | --write] [OPTION...]",
  details: `Makes a token and prints its secret. Only a hash of it is kept: this is the only time that you see it. Clients send it as
a password, with any login: as curl and Nix take it, in a file that netrc-file of nix.conf names,

  machine cache.example.org login token password SECRET

Servers that are running know the token at once.

Examples:
  tvix-store token create --name ci --write --expires 90d
  tvix-store --store local:///srv/cache token create --name laptop --read`,
  options: CREATE_OPTIONS,
  operands: "none",
  async run(words, tool) {
    const settings: CreateSettings = {
      ...storeSettings(),
      tokens: undefined,
      name: undefined,
      rights: new Set(),
      expiresMs: undefined,
    }
    const operands = await readOptions(tool, "create", words, CREATE_OPTIONS, settings)
    if (typeof operands === "number") return operands
    return withSession(tool, "create", settings, async (session) => {
      const { name, rights, expiresMs, json } = settings
      if (operands.length > 0) throw new UsageError("create takes no words: the name comes after --name")
      if (name === undefined) throw new UsageError("say with --name whose the token is")
      const right = rights.has("write") ? "write" : "read"
      const expires = expiresMs === undefined ? undefined : Date.now() + expiresMs
      return withTokens(settings, session, (tokens) => {
        const { token, secret } = tokens.create({ name, right, expires })
        writeOut(byteStringOf(json ? `${JSON.stringify({ ...record(token), secret })}\n` : `${secret}\n`))
        session.note(`token ${token.id} of '${name}': keep the secret, it is not shown again`)
      })
    })
  },
}

interface ListSettings extends Settings {}

const LIST_OPTIONS: readonly Option<ListSettings>[] = [TOKENS_OPTION, JSON_OPTION, ...SHARED_OPTIONS]

const list: Command = {
  usage: "tvix-store token list [OPTION...]",
  details: `Prints the tokens: id, right, day of creation, day of expiry, name. Their secrets are not kept, so that nobody can see
them.

Examples:
  tvix-store token list
  tvix-store token list --json | jq -r '.[] | select(.expires == null) | .name'`,
  options: LIST_OPTIONS,
  operands: "none",
  async run(words, tool) {
    const settings: ListSettings = { ...storeSettings(), tokens: undefined }
    const operands = await readOptions(tool, "list", words, LIST_OPTIONS, settings)
    if (typeof operands === "number") return operands
    return withSession(tool, "list", settings, async (session) => {
      if (operands.length > 0) throw new UsageError("list takes no words")
      return withTokens(settings, session, (tokens) => {
        const all = tokens.list()
        if (settings.json) writeOut(`${byteStringOf(JSON.stringify(all.map(record)))}\n`)
        else print(all)
      })
    })
  },
}

function record({ id, name, right, created, expires }: Token): object {
  const time = (ms: number): string => new Date(ms).toISOString()
  return { id, name, right, created: time(created), expires: expires === undefined ? null : time(expires) }
}

function print(tokens: readonly Token[]): void {
  const lines = new Lines()
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, "2026-01-01".length)
  const now = Date.now()
  for (const { id, name, right, created, expires } of tokens) {
    const end = expires === undefined ? "for ever" : expires <= now ? "expired" : `to ${day(expires)}`
    lines.add(
      `${id}  ${right.padEnd(5)}  ${day(created)}  ${end.padEnd("to 2026-01-01".length)}  ${printable(byteStringOf(name))}`,
    )
  }
  lines.flush()
}

const REVOKE_OPTIONS: readonly Option<Settings>[] = [TOKENS_OPTION, ...SHARED_OPTIONS]

const revoke: Command = {
  usage: "tvix-store token revoke ID... [OPTION...]",
  details: `Makes tokens worthless, at once and for good. ID is what tvix-store token list prints first, and what stands in the secret
after tvix_.

Examples:
  tvix-store token revoke k3v9x0a1`,
  options: REVOKE_OPTIONS,
  operands: "none",
  async run(words, tool) {
    const settings: Settings = { ...storeSettings(), tokens: undefined }
    const ids = await readOptions(tool, "revoke", words, REVOKE_OPTIONS, settings)
    if (typeof ids === "number") return ids
    return withSession(tool, "revoke", settings, async (session) => {
      if (ids.length === 0) throw new UsageError("revoke needs ids of tokens")
      return withTokens(settings, session, (tokens) => {
        for (const id of ids) {
          if (!tokens.revoke(id)) throw new CastoreError({ code: "missing", what: `a token with the id '${id}'` })
        }
      })
    })
  },
}

const TOOL: Tool = {
  name: "tvix-store token",
  about: "Tokens: who may read and write a cache.",
  version: `tvix-store ${VERSION}`,
  commands: {
    create: { summary: "make a token, and print its secret", load: async () => create },
    list: { summary: "print the tokens there are, without their secrets", load: async () => list },
    revoke: { summary: "make tokens worthless", load: async () => revoke },
  },
  topics: {},
  shared: SHARED_OPTIONS,
  examples: `  tvix-store token create --name ci --write --expires 90d
  tvix-store token list
  tvix-store token revoke k3v9x0a1`,
}

export const command: Command = {
  usage: "tvix-store token create | list | revoke [OPTION...]",
  details: `See tvix-store token create --help, and so on for the others.

Examples:
  tvix-store token create --name laptop --write
  tvix-store token list`,
  options: [],
  operands: Object.keys(TOOL.commands),
  tool: TOOL,
  run: async (words) => runTool(TOOL, words),
}
