/**
 * Names and passwords for servers, in the format that curl reads:
 *
 *     machine HOST login NAME password SECRET      in any number of lines
 *     default login NAME password SECRET           for all other hosts
 *     macdef NAME                                  and lines up to an empty one: for ftp, of no interest here
 *
 * Words with spaces are in double quotes, with backslashes before `"` and `\`. What follows a `#` is a comment.
 */

/** Byte strings. */
export interface Login {
  readonly name: string
  readonly password: string
}

/** The name and password for `host`. Texts are byte strings. */
export function netrcLogin(text: string, host: string): Login | undefined {
  let fallback: Login | undefined
  for (const { machine, login, password } of entriesOf(text)) {
    if (login === undefined && password === undefined) continue
    const found = { name: login ?? "", password: password ?? "" }
    if (machine === undefined) fallback ??= found
    else if (machine.toLowerCase() === host.toLowerCase()) return found
  }
  return fallback
}

interface NetrcEntry {
  /** Undefined for the default. */
  machine?: string
  login?: string
  password?: string
}

function* entriesOf(text: string): Generator<NetrcEntry> {
  let entry: NetrcEntry | undefined
  const words = wordsOf(text)
  for (let i = 0; i < words.length; i++) {
    switch (words[i]!) {
      case "machine":
        if (entry !== undefined) yield entry
        entry = { machine: words[++i] ?? "" }
        break
      case "default":
        if (entry !== undefined) yield entry
        entry = {}
        break
      case "login":
        if (entry !== undefined) entry.login = words[++i] ?? ""
        break
      case "password":
        if (entry !== undefined) entry.password = words[++i] ?? ""
        break
      case "account":
        i++
        break
      default:
    }
  }
  if (entry !== undefined) yield entry
}

function wordsOf(text: string): string[] {
  const withoutMacros = text.replace(/(^|\n)[ \t]*macdef[^\n]*\n(?:[^\n]+\n?)*/g, "$1")
  const words: string[] = []
  for (const [word] of withoutMacros.matchAll(/"(?:[^"\\]|\\.)*"|#[^\n]*|[^\s#][^\s]*/gs)) {
    if (word.startsWith("#")) continue
    words.push(word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/gs, "$1") : word)
  }
  return words
}
