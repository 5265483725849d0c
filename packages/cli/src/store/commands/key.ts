/** `tvix-store key`: the keys that a cache signs with. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs"
import { byteStringOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { formatPublicKey, SecretKey } from "@tvix-ts/nix-compat"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeOut } from "../../output.ts"
import { runTool } from "../../tool.ts"
import { VERSION } from "../../version.ts"
import { withSession } from "../session.ts"
import { SHARED_OPTIONS, storeSettings, type StoreSettings } from "../settings.ts"

const STDIN = 0

interface GenerateSettings extends StoreSettings {
  out: string | undefined
}

const GENERATE_OPTIONS: readonly Option<GenerateSettings>[] = [
  {
    names: ["-o", "--out"],
    values: ["FILE"],
    summary: "where to write the secret key, rather than to NAME.secret; - for standard output, and nothing else there",
    set: (to, file) => void (to.out = file),
  },
  ...SHARED_OPTIONS,
]

const generate: Command = {
  usage: "tvix-store key generate NAME [-o FILE]",
  details: `Makes a pair of keys. The secret one goes to a file that only you can read, and that must not be there yet; the public
one is printed, as clients want it in trusted-public-keys. NAME says whose it is, and when it was made: clients look a
signature's key up by it, so that one that was replaced needs another.

Examples:
  tvix-store key generate cache.example.org-1
  tvix-store key generate cache.example.org-1 -o /etc/tvix/cache.secret
  tvix-store serve -l 127.0.0.1:8080 --sign-with cache.example.org-1.secret`,
  options: GENERATE_OPTIONS,
  operands: "none",
  async run(words, tool) {
    const settings: GenerateSettings = { ...storeSettings(), out: undefined }
    const operands = await readOptions(tool, "generate", words, GENERATE_OPTIONS, settings)
    if (typeof operands === "number") return operands
    return withSession(tool, "generate", settings, async () => {
      const [name, ...more] = operands
      if (name === undefined || more.length > 0) throw new UsageError("generate takes one name")
      if (settings.out === undefined && name.includes("/"))
        throw new UsageError("say with --out where to write the key")
      const key = await SecretKey.generate(name)
      if (settings.out === "-") writeOut(byteStringOf(key.reveal()))
      else {
        writeSecret(settings.out ?? `${name}.secret`, key)
        writeOut(byteStringOf(`${formatPublicKey(key.publicKey)}\n`))
      }
      return 0
    })
  },
}

/** For the owner alone from its first byte on, and never in the place of another. */
function writeSecret(path: string, key: SecretKey): void {
  let file: number
  try {
    file = openSync(path, "wx", 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    const reason = "it is there already, and what was signed with a key that is lost cannot be signed again"
    throw new CastoreError({ code: "invalid", field: path, reason })
  }
  try {
    // Without a line feed, as C++ Nix writes it.
    writeSync(file, key.reveal())
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

const PUBLIC_OPTIONS: readonly Option<StoreSettings>[] = SHARED_OPTIONS

const publicKey: Command = {
  usage: "tvix-store key public FILE...",
  details: `Prints the public key of each secret key in a file; - is standard input.

Examples:
  tvix-store key public cache.example.org-1.secret`,
  options: PUBLIC_OPTIONS,
  operands: "files",
  async run(words, tool) {
    const settings = storeSettings()
    const files = await readOptions(tool, "public", words, PUBLIC_OPTIONS, settings)
    if (typeof files === "number") return files
    return withSession(tool, "public", settings, async () => {
      if (files.length === 0) throw new UsageError("public needs files of secret keys")
      for (const file of files) {
        const key = SecretKey.parse(readFileSync(file === "-" ? STDIN : file, "latin1").trim())
        writeOut(byteStringOf(`${formatPublicKey(key.publicKey)}\n`))
      }
      return 0
    })
  },
}

const TOOL: Tool = {
  name: "tvix-store key",
  about: "Keys that a cache signs with.",
  version: `tvix-store ${VERSION}`,
  commands: {
    generate: { summary: "make a secret key, and print its public one", load: async () => generate },
    public: { summary: "print the public keys of secret ones", load: async () => publicKey },
  },
  topics: {},
  shared: SHARED_OPTIONS,
  examples: `  tvix-store key generate cache.example.org-1
  tvix-store key public cache.example.org-1.secret`,
}

export const command: Command = {
  usage: "tvix-store key generate | public [OPTION...] NAME | FILE...",
  details: `See tvix-store key generate --help and tvix-store key public --help.

Examples:
  tvix-store key generate cache.example.org-1
  tvix-store key public cache.example.org-1.secret`,
  options: [],
  operands: Object.keys(TOOL.commands),
  tool: TOOL,
  run: async (words) => runTool(TOOL, words),
}
