/** What Tab offers. All texts are byte strings. */
import { AttrSet, type Forced } from "@tvix-ts/eval"
import { SourceFile } from "@tvix-ts/syntax"
import { readdirSync } from "node:fs"
import { homedir } from "node:os"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { COMMANDS } from "./commands.ts"
import type { Repl } from "./repl.ts"

export interface Completion {
  /** What the end of the line may be replaced by. */
  readonly candidates: readonly string[]
  /** The end of the line that is being completed. */
  readonly word: string
}

const KEYWORDS = ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"]
/** Milliseconds after which nobody waits for a completion any more. */
const PATIENCE = 1000
const CANDIDATES_MAX = 2000

export async function complete(repl: Repl, line: string): Promise<Completion> {
  const command = /^\s*(:\S*)$/.exec(line)
  if (command !== null)
    return startingWith(
      command[1]!,
      COMMANDS.flatMap(({ names }) => names),
    )
  const file =
    /^\s*:(?:l|load)\s+(\S*)$/.exec(line)?.[1] ?? /(?:^|[\s([{;,])((?:\.{0,2}|~)\/[\w./+~-]*)$/.exec(line)?.[1]
  if (file !== undefined) return completeFile(file)
  const [word = ""] = /[A-Za-z_][\w'-]*(?:\.[\w'-]*)*$/.exec(line) ?? []
  const dot = word.lastIndexOf(".")
  if (dot >= 0) return completeAttribute(repl, word, dot)
  const { globals } = repl.evaluation
  return startingWith(word, [...repl.scope.keys(), ...globals.sortedNames(), ...KEYWORDS])
}

function startingWith(word: string, names: Iterable<string>): Completion {
  const candidates = [...new Set(names)].filter((name) => name.startsWith(word)).sort()
  return { candidates: candidates.slice(0, CANDIDATES_MAX), word }
}

async function completeAttribute(repl: Repl, word: string, dot: number): Promise<Completion> {
  const { evaluation, scope, options } = repl
  let value: Forced
  try {
    const source = new SourceFile("\xc2\xabcompletion\xc2\xbb", word.slice(0, dot))
    value = await evaluation.run(evaluation.load(source, options.directory, scope), AbortSignal.timeout(PATIENCE))
  } catch {
    // What cannot be evaluated has no attributes to offer; the user will be told when it matters.
    return { candidates: [], word }
  }
  const names = value instanceof AttrSet ? value.sortedNames() : []
  const plain = names.filter((name) => /^[A-Za-z_][\w'-]*$/.test(name))
  return startingWith(
    word,
    plain.map((name) => `${word.slice(0, dot)}.${name}`),
  )
}

function completeFile(word: string): Completion {
  const slash = word.lastIndexOf("/")
  const folder = slash < 0 ? "." : word.slice(0, slash + 1).replace(/^~(?=\/)/, byteStringOf(homedir()))
  try {
    const entries = readdirSync(textOf(folder), { withFileTypes: true })
    const names = entries.map((entry) => byteStringOf(entry.name) + (entry.isDirectory() ? "/" : ""))
    return startingWith(
      word,
      names.filter((name) => !name.startsWith(".")).map((name) => word.slice(0, slash + 1) + name),
    )
  } catch {
    return { candidates: [], word }
  }
}
