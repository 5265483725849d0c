/**
 * Whether Git could have a reference of this name: whole, or as a branch or tag (git-check-ref-format(1)). What begins with
 * a dash is never one, so that none can be taken for an option.
 */
export function isLegalRef(name: string): boolean {
  if (name === "" || name === "@" || name.startsWith("-")) return false
  // oxlint-disable-next-line no-control-regex -- these are what must not be there
  if (/[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/$|\.$/.test(name) || name.startsWith("/")) return false
  return name.split("/").every((part) => !part.startsWith(".") && !part.endsWith(".lock"))
}
