/**
 * Command lines, as data. An option is declared once; parsing, help, completion and "did you mean" read the declaration.
 *
 * Our own because Nix has options with two values (`--arg NAME EXPR`), which the usual libraries and `util.parseArgs` do
 * not know, and because loading one would be a third of the time the command takes to start.
 */
export interface Option<Settings> {
  /** `-E`, `--expr`; the last is the one that help and messages use. */
  readonly names: readonly string[]
  /** Names of the values it takes, for help: `["NAME", "EXPR"]`. */
  readonly values: readonly string[]
  /** Absent for what is accepted and not advertised. */
  readonly summary?: string
  /** @throws {UsageError} */
  readonly set: (settings: Settings, ...values: string[]) => void
}

/** The command line makes no sense; the message says why. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

export interface OptionSyntax {
  /** `-abc` is `-a -b -c`, as in C++ Nix. */
  readonly clusters: boolean
  readonly unknown: (name: string) => string
  readonly missing: (option: Option<never>, name: string, given: number) => string
}

/** Applies the options in `words` to `settings`; the result is what is left, which includes a lone `-`. */
export function parseOptions<Settings>(
  words: readonly string[],
  options: readonly Option<Settings>[],
  settings: Settings,
  syntax: OptionSyntax,
): string[] {
  const byName = new Map(options.flatMap((option) => option.names.map((name) => [name, option] as const)))
  const operands: string[] = []
  const queue = [...words].reverse()
  for (let word = queue.pop(); word !== undefined; word = queue.pop()) {
    if (word === "--") {
      operands.push(...queue.reverse())
      break
    }
    if (!word.startsWith("-") || word === "-") {
      operands.push(word)
      continue
    }
    let option = byName.get(word)
    if (option === undefined && syntax.clusters && /^-[a-zA-Z]./.test(word)) {
      const [, letters = "", rest = ""] = /^-([a-zA-Z]+)(.*)$/s.exec(word) ?? []
      if (rest !== "") queue.push(rest)
      for (const letter of letters.split("").reverse()) queue.push(`-${letter}`)
      continue
    }
    const equals = word.indexOf("=")
    if (option === undefined && !syntax.clusters && equals > 0) {
      option = byName.get(word.slice(0, equals))
      if (option !== undefined && option.values.length > 0) queue.push(word.slice(equals + 1))
      else option = undefined
    }
    if (option === undefined && /^-[a-zA-Z][0-9]+$/.test(word)) {
      option = byName.get(word.slice(0, 2))
      if (option?.values.length === 1) queue.push(word.slice(2))
      else option = undefined
    }
    if (option === undefined) throw new UsageError(syntax.unknown(word))
    const values: string[] = []
    while (values.length < option.values.length) {
      const value = queue.pop()
      if (value === undefined) throw new UsageError(syntax.missing(option, word, values.length))
      values.push(value)
    }
    option.set(settings, ...values)
  }
  return operands
}
