/**
 * Whether Git takes `name` for a branch or a tag, or for a reference with its whole path (git-check-ref-format(1)). What
 * begins with a dash is never one, so that none can be taken for an option.
 */
export function isGitRef(name: string): boolean {
  if (name === "" || name === "@" || name.startsWith("-")) return false
  // oxlint-disable-next-line no-control-regex -- control characters are among those that are refused
  if (/[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\.$/.test(name)) return false
  return name.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock"))
}
