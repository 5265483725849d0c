/**
 * Version strings as C++ Nix reads them (libstore/names.cc): components are runs of digits or runs of anything else,
 * separated by dots and dashes. All functions take byte strings.
 */

const DOT = 0x2e
const DASH = 0x2d
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39
const isSeparator = (code: number): boolean => code === DOT || code === DASH
/** ASCII only: C++ Nix runs in a locale where no byte above 127 is a letter. */
const isLetter = (code: number): boolean => (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a

/** Where the component after the separators at `from` begins and ends; both are `version.length` if there is none. */
function componentAt(version: string, at: number): readonly [from: number, to: number] {
  let from = at
  while (from < version.length && isSeparator(version.charCodeAt(from))) from++
  let to = from
  if (to < version.length && isDigit(version.charCodeAt(to))) {
    while (to < version.length && isDigit(version.charCodeAt(to))) to++
  } else {
    while (to < version.length && !isDigit(version.charCodeAt(to)) && !isSeparator(version.charCodeAt(to))) to++
  }
  return [from, to]
}

/** `"1.2-pre3"` -> `["1", "2", "pre", "3"]`. */
export function splitVersion(version: string): string[] {
  const components: string[] = []
  for (let at = 0; at < version.length;) {
    const [from, to] = componentAt(version, at)
    if (from === to) break
    components.push(version.slice(from, to))
    at = to
  }
  return components
}

/** -1, 0 or 1. A version that ended goes on with empty components. */
export function compareVersions(a: string, b: string): -1 | 0 | 1 {
  let atA = 0
  let atB = 0
  while (atA < a.length || atB < b.length) {
    const [fromA, toA] = componentAt(a, atA)
    const [fromB, toB] = componentAt(b, atB)
    const componentA = a.slice(fromA, toA)
    const componentB = b.slice(fromB, toB)
    if (isOlder(componentA, componentB)) return -1
    if (isOlder(componentB, componentA)) return 1
    atA = toA
    atB = toB
  }
  return 0
}

/** Not a strict order: `"pre"` is older than anything but `"pre"`, and a number newer than anything but a number. */
function isOlder(a: string, b: string): boolean {
  const numberA = int32(a)
  const numberB = int32(b)
  if (numberA !== undefined && numberB !== undefined) return numberA < numberB
  if (a === "" && numberB !== undefined) return true
  if (a === "pre" && b !== "pre") return true
  if (b === "pre") return false
  // So that 2.3a comes before 2.3.1.
  if (numberB !== undefined) return true
  if (numberA !== undefined) return false
  return a < b
}

/** C++ Nix reads components into an `int`; a longer run of digits is then compared as a word. */
function int32(component: string): number | undefined {
  if (component === "" || !isDigit(component.charCodeAt(0))) return undefined
  const value = Number(component)
  return value <= 0x7fff_ffff ? value : undefined
}

/** Splits before the first dash that no letter follows: `"nix-0.12pre"` -> name `"nix"`, version `"0.12pre"`. */
export function parseDrvName(text: string): { readonly name: string; readonly version: string } {
  for (let dash = text.indexOf("-"); dash >= 0 && dash + 1 < text.length; dash = text.indexOf("-", dash + 1)) {
    if (!isLetter(text.charCodeAt(dash + 1))) return { name: text.slice(0, dash), version: text.slice(dash + 1) }
  }
  return { name: text, version: "" }
}
