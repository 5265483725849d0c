/**
 * Paths as strings: nothing here looks at a file system, so `..` behind a symbolic link simply removes a component, as in
 * C++ Nix (libutil/canon-path.cc). Byte strings throughout.
 */

/**
 * The absolute path without empty components, `.` and `..`: `"/a/../b/./c//d"` -> `"/b/c/d"`. `..` at the root stays at
 * the root. A path that does not begin with a slash is read as if it did.
 */
export function canonPath(path: string): string {
  if (isCanonical(path)) return path
  const components: string[] = []
  for (const component of path.split("/")) {
    if (component === "" || component === ".") continue
    if (component === "..") components.pop()
    else components.push(component)
  }
  return `/${components.join("/")}`
}

/** Nearly every path is canonical already; one regular expression is a third of the price of taking it apart. */
function isCanonical(path: string): boolean {
  return path.charCodeAt(0) === 0x2f && !/\/(?:\/|\.\.?(?:\/|$))|.\/$/s.test(path)
}

/** `path` seen from the absolute path `base`, canonical. */
export function absPath(path: string, base: string): string {
  return canonPath(path.startsWith("/") ? path : `${base}/${path}`)
}

/**
 * `builtins.baseNameOf` of a string: what follows the last slash, after removing *one* slash at the end. (Of a path value
 * it is the same, since those end in no slash.)
 */
export function baseNameOf(path: string): string {
  const end = path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length
  return path.slice(path.lastIndexOf("/", end - 1) + 1, end)
}

/** `builtins.dirOf` of a string: what precedes the last slash, `"."` if there is none. */
export function dirOf(path: string): string {
  const slash = path.lastIndexOf("/")
  return slash < 0 ? "." : slash === 0 ? "/" : path.slice(0, slash)
}

/** The directory of a canonical path; the root's is the root. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/")
  return slash <= 0 ? "/" : path.slice(0, slash)
}
