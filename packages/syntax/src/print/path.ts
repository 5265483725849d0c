/** Where path literals point. */
export interface PathContext {
  /** Absolute path of the directory of the file that contains the literal. */
  readonly basePath: string
  /** What `~` stands for. */
  readonly home: string
}

/**
 * The absolute path that the literal `text` means, without `.`, `..` and doubled slashes. A slash at its end stays: then
 * it is the first piece of an interpolated path. `~/…` is taken as it is, as C++ Nix takes it.
 */
export function resolvePath(text: string, { basePath, home }: PathContext): string {
  if (text.startsWith("~")) return home + text.slice(1)
  const canonical = canonicalPath(text.startsWith("/") ? text : `${basePath}/${text}`)
  return text.length > 1 && text.endsWith("/") ? `${canonical}/` : canonical
}

/** The absolute `path` with `.`, `..` and doubled slashes resolved by their text alone; `..` at the root stays there. */
function canonicalPath(path: string): string {
  const names: string[] = []
  for (const name of path.split("/")) {
    if (name === "..") names.pop()
    else if (name !== "" && name !== ".") names.push(name)
  }
  return `/${names.join("/")}`
}
