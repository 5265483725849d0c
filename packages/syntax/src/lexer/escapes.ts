/**
 * The contents of a piece of `"…"`, escapes replaced. Line ends become LF: CR and CR LF too, which C++ Nix does in this
 * kind of string only.
 */
export function unescape(raw: string): string {
  let out = ""
  let done = 0
  for (let i = 0; i < raw.length; i++) {
    const c = raw.charCodeAt(i)
    if (c === 0x5c) {
      out += raw.slice(done, i) + escapedCharacter(raw.charAt(i + 1))
      done = i + 2
      i++
    } else if (c === 0x0d) {
      out += raw.slice(done, i) + "\n"
      if (raw.charCodeAt(i + 1) === 0x0a) i++
      done = i + 1
    }
  }
  return done === 0 ? raw : out + raw.slice(done)
}

/** What `\c` stands for: `\n`, `\r`, `\t`, else the character itself. */
export function escapedCharacter(c: string): string {
  return c === "n" ? "\n" : c === "r" ? "\r" : c === "t" ? "\t" : c
}

/** Whether C++ Nix objects to a NUL in a piece of `"…"` as written: it overlooks one that follows a backslash. */
export function containsNull(raw: string): boolean {
  return raw.includes("\0") && raw.replaceAll(/\\[^]/g, "").includes("\0")
}
