/** Random programs as trees: text with holes, so that they can be printed, taken apart and made smaller. */

/** What an expression is meant to evaluate to. Only meant: some are wrong on purpose. */
export type Type =
  | { readonly kind: "int" | "float" | "string" | "bool" | "null" | "path" }
  | { readonly kind: "list"; readonly of: Type }
  /** A set with at least these attributes. */
  | { readonly kind: "set"; readonly fields: Readonly<Record<string, Type>> }
  /** A set whose attributes all have one type, and whose names are not known. */
  | { readonly kind: "map"; readonly of: Type }
  | { readonly kind: "function"; readonly from: Type; readonly to: Type }

export const INT: Type = { kind: "int" }
export const FLOAT: Type = { kind: "float" }
export const STRING: Type = { kind: "string" }
export const BOOL: Type = { kind: "bool" }
export const NULL: Type = { kind: "null" }
export const PATH: Type = { kind: "path" }

export function sameType(a: Type, b: Type): boolean {
  if (a.kind !== b.kind) return false
  switch (a.kind) {
    case "list":
    case "map":
      return sameType(a.of, (b as typeof a).of)
    case "set": {
      const other = (b as typeof a).fields
      return Object.entries(a.fields).every(([name, type]) => other[name] !== undefined && sameType(type, other[name]))
    }
    case "function":
      return sameType(a.from, (b as typeof a).from) && sameType(a.to, (b as typeof a).to)
    case "int":
    case "float":
    case "string":
    case "bool":
    case "null":
    case "path":
      return true
  }
}

export interface Tree {
  readonly type: Type
  /** Text, and the expressions in it. Every tree is a complete operand: it has its own parentheses. */
  readonly parts: readonly (string | Tree)[]
}

/** `tree(INT)`(${a} + ${b})``. */
export function tree(type: Type): (text: TemplateStringsArray, ...holes: readonly (string | Tree)[]) => Tree {
  return (text, ...holes) => ({
    type,
    parts: text.flatMap((part, index) => (index < holes.length ? [part, holes[index]!] : [part])),
  })
}

export function print({ parts }: Tree): string {
  return parts.map((part) => (typeof part === "string" ? part : print(part))).join("")
}

/** Parts between separators, as one run of parts. */
export function joined(trees: readonly (string | Tree)[], separator: string): (string | Tree)[] {
  return trees.flatMap((one, index) => (index === 0 ? [one] : [separator, one]))
}

/** Text without structure: the same without a run of its tokens. */
function withoutTokens({ type, parts }: Tree): Tree[] {
  const candidates: Tree[] = []
  for (let length = parts.length >> 1; length >= 1; length >>= 1) {
    for (let from = 0; from < parts.length; from += length) {
      candidates.push({ type, parts: parts.toSpliced(from, length) })
    }
  }
  return candidates
}

const SIMPLEST: Readonly<Record<Type["kind"], string>> = {
  int: "1",
  float: "1.5",
  string: '"a"',
  bool: "true",
  null: "null",
  path: "/a",
  list: "[ ]",
  set: "{ }",
  map: "{ }",
  function: "(x: x)",
}

/** Programs a little smaller than `whole`, the smallest first. Most are about something else; the caller finds out. */
export function smaller(whole: Tree): Tree[] {
  const isText = whole.parts.length > 1 && whole.parts.every((part) => typeof part === "string")
  const candidates = isText ? withoutTokens(whole) : []
  for (const part of whole.parts) {
    // A part in place of the whole.
    if (typeof part !== "string") candidates.push(part)
  }
  const simplest = SIMPLEST[whole.type.kind]
  if (print(whole) !== simplest) candidates.push({ type: whole.type, parts: [simplest] })
  for (const [index, part] of whole.parts.entries()) {
    if (typeof part === "string") continue
    for (const instead of smaller(part)) candidates.push({ type: whole.type, parts: whole.parts.with(index, instead) })
  }
  return candidates.sort((a, b) => print(a).length - print(b).length)
}
