/**
 * Random Nix programs: well-scoped, mostly well-typed, always terminating, and small. They use every kind of expression
 * and most builtins that compute without a store; a few are wrong on purpose, since two implementations must also agree
 * on what fails and on what is never looked at.
 */
import { mutate } from "./mutate.ts"
import { Random } from "../random.ts"
import { BOOL, FLOAT, INT, joined, NULL, PATH, sameType, STRING, tree, type Tree, type Type } from "./tree.ts"

const NAMES = ["a", "b", "c", "x", "y", "z", "foo", "bar'", "with-dash", "_u"]
const FIELDS = ["a", "b", "x", "y", "key", "or", "with-dash"]
const INTS = ["0", "1", "2", "3", "7", "10", "42", "255", "(-1)", "(-7)", "1000000007", "4611686018427387904"]
const EXTREME_INTS = ["9223372036854775807", "(-9223372036854775807 - 1)", "9007199254740993", "(-9007199254740993)"]
const FLOATS = ["0.0", "1.0", "0.5", "(-2.25)", "3.14159", "1.0e10", "1.5e-7", "100.0", "123456.789"]
const TEXTS = [
  "",
  "a",
  "b",
  "ab",
  "foo",
  "é",
  "日本",
  "1",
  "10",
  "1.2.3",
  "foo-1.2pre3",
  "a,b,,c",
  "$",
  "'",
  " pad ",
  "/x/y",
]
const ESCAPES = ["\\n", "\\t", "\\\\", '\\"', "\\${", "$$", "''", "\\r", "{", "}", "#", "/*"]
/** None of them exists, nor does what is made of them: some forms copy a path to the store. */
const PATHS = ["/a", "/a/b", "/a/../b", "/a/b/./c"]
const PATTERNS = ["a", ".*", "([a-z]+)", "(a)|(b)", "[0-9]+", "([^,]*),(.*)", "(a*)(b*)", "[[:alpha:]]+", "x?"]
const SEPARATORS = ["", ",", "-", " ", "ab"]

const DEPTH = 5

interface Variable {
  readonly name: string
  readonly type: Type
}
type Scope = readonly Variable[]

/** Program `seed`. One in five is damaged afterwards, so that parsers are compared on what is not quite Nix, too. */
export function generateProgram(seed: number): Tree {
  const random = new Random(seed)
  const damaged = random.chance(0.2)
  const program = new Generator(random).program()
  return damaged ? mutate(program, random) : program
}

class Generator {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  program(): Tree {
    return this.expression(this.type(2, false), DEPTH, [])
  }

  type(depth: number, functions = true): Type {
    const random = this.#random
    const kind = random.below(depth > 0 ? (functions ? 13 : 12) : 8)
    if (kind < 3) return INT
    if (kind < 5) return STRING
    if (kind === 5) return BOOL
    if (kind === 6) return FLOAT
    if (kind === 7) return random.chance(0.5) ? NULL : PATH
    if (kind < 10) return { kind: "list", of: this.type(depth - 1, functions) }
    if (kind === 10) return this.#setType(depth - 1, functions)
    if (kind === 11) return { kind: "map", of: this.type(depth - 1, functions) }
    return { kind: "function", from: this.type(depth - 1), to: this.type(depth - 1) }
  }
  #setType(depth: number, functions = true): Type & { readonly kind: "set" } {
    const fields: Record<string, Type> = {}
    for (let n = this.#random.between(1, 4); n > 0; n--) fields[this.#random.pick(FIELDS)] = this.type(depth, functions)
    return { kind: "set", fields }
  }

  /** An expression of `type`, nested at most `depth` deep. */
  expression(type: Type, depth: number, scope: Scope): Tree {
    const random = this.#random
    if (depth <= 0 || (depth < DEPTH && random.chance(0.06))) return this.#leaf(type, scope)
    // Wrong on purpose.
    if (random.chance(0.015)) return this.expression(this.type(1), depth - 1, scope)
    if (random.chance(0.01)) return tree(type)`(throw ${this.expression(STRING, depth - 2, scope)})`
    if (random.chance(0.2)) {
      const variable = this.#variable(type, scope)
      if (variable !== undefined) return variable
    }
    return random.chance(0.4) ? this.#anyForm(type, depth - 1, scope) : this.#ownForm(type, depth - 1, scope)
  }

  #variable(type: Type, scope: Scope): Tree | undefined {
    // The last binding of a name hides the others.
    const visible = scope.filter(({ name }, index) => scope.findLastIndex((other) => other.name === name) === index)
    const fitting = visible.filter((variable) => sameType(type, variable.type))
    return fitting.length > 0 ? { type, parts: [this.#random.pick(fitting).name] } : undefined
  }

  #leaf(type: Type, scope: Scope): Tree {
    const random = this.#random
    const variable = random.chance(0.5) ? this.#variable(type, scope) : undefined
    if (variable !== undefined) return variable
    switch (type.kind) {
      case "int":
        return { type, parts: [random.pick(random.chance(0.04) ? EXTREME_INTS : INTS)] }
      case "float":
        return { type, parts: [random.pick(FLOATS)] }
      case "string":
        return this.#text(0, scope)
      case "bool":
        return { type, parts: [random.pick(["true", "false"])] }
      case "null":
        return { type, parts: ["null"] }
      case "path":
        return { type, parts: [random.pick(PATHS)] }
      case "list":
        return random.chance(0.5) ? { type, parts: ["[ ]"] } : tree(type)`[ ${this.#leaf(type.of, scope)} ]`
      case "map":
        return random.chance(0.5)
          ? { type, parts: ["{ }"] }
          : tree(type)`{ ${random.pick(FIELDS)} = ${this.#leaf(type.of, scope)}; }`
      case "set":
        return this.#setLiteral(type, 0, scope)
      case "function": {
        const name = random.pick(NAMES)
        return tree(type)`(${name}: ${this.#leaf(type.to, [...scope, { name, type: type.from }])})`
      }
    }
  }

  /** Forms that an expression of any type may have. */
  #anyForm(type: Type, depth: number, scope: Scope): Tree {
    const random = this.#random
    const inner = (wanted: Type, extra: Scope = []): Tree => this.expression(wanted, depth, [...scope, ...extra])
    const form = tree(type)
    switch (random.below(23)) {
      case 0:
        return form`(if ${inner(BOOL)} then ${inner(type)} else ${inner(type)})`
      case 1:
      case 2:
      case 3:
        return this.#let(type, depth, scope)
      case 4: {
        const set = this.#setType(1)
        const extra = Object.entries(set.fields).flatMap(([name, field]) =>
          // A variable of the scope wins over `with`, and `or` is no variable.
          name === "or" || scope.some((other) => other.name === name) ? [] : [{ name, type: field }],
        )
        return form`(with ${inner(set)}; ${inner(type, extra)})`
      }
      case 5:
        return form`(assert ${random.chance(0.9) ? "true" : inner(BOOL)}; ${inner(type)})`
      case 6:
      case 7: {
        const from = this.type(1)
        const name = random.pick(NAMES)
        return form`((${name}: ${inner(type, [{ name, type: from }])}) ${inner(from)})`
      }
      case 8:
        return this.#formals(type, depth, scope)
      case 9: {
        const from = this.type(1)
        return form`(${inner({ kind: "function", from, to: type })} ${inner(from)})`
      }
      case 10: {
        const name = random.pick(FIELDS)
        return form`${inner({ kind: "set", fields: { [name]: type } })}.${name}`
      }
      case 11:
        return form`(${inner({ kind: "map", of: type })}.${random.pick(FIELDS)} or ${inner(type)})`
      case 12:
        return form`(builtins.seq ${inner(this.type(1))} ${inner(type)})`
      case 13:
        return form`(let r = builtins.tryEval ${inner(type)}; in if r.success then r.value else ${inner(type)})`
      case 14:
        return form`(builtins.elemAt [ ${inner(type)} ${inner(type)} ] ${random.pick(["0", "1", "1", "0", "2"])})`
      case 15: {
        const from = this.type(1)
        const name = random.pick(NAMES)
        const lambda = tree({ kind: "function", from, to: type })`(${name}: ${inner(type, [{ name, type: from }])})`
        return random.chance(0.5) ? form`(${inner(from)} |> ${lambda})` : form`(${lambda} <| ${inner(from)})`
      }
      case 16:
        return this.#countdown(type, depth, scope)
      case 17: {
        const element = this.type(1)
        const [total, one] = ["acc", "elem"] as const
        const extra = [
          { name: total, type },
          { name: one, type: element },
        ]
        return form`(builtins.foldl' (${total}: ${one}: ${inner(type, extra)}) ${inner(type)} ${inner({ kind: "list", of: element })})`
      }
      case 18: {
        const key = random.pick(FIELDS)
        return form`{ \${${inner(STRING)}} = ${inner(type)}; ${key} = ${inner(type)}; }.${key}`
      }
      case 19: {
        const name = random.pick(["a", "x", "y"])
        const bound = this.type(1)
        const outside = scope.filter((one) => one.name !== name && one.name !== "body")
        const value = this.expression(bound, depth, outside)
        const body = this.expression(type, depth, [...outside, { name, type: bound }])
        return form`(let { ${name} = ${value}; body = ${body}; })`
      }
      case 20: {
        const set = this.#setType(1)
        const names = Object.keys(set.fields).filter((name) => name !== "or")
        const extra = names.map((name) => ({ name, type: set.fields[name]! }))
        const source = this.expression(
          set,
          depth,
          scope.filter(({ name }) => !names.includes(name)),
        )
        return form`(let inherit (${source}) ${names.join(" ")}; in ${inner(type, extra)})`
      }
      case 21: {
        // Attributes that refer to each other, in no order.
        const first = this.type(1)
        const outside = scope.filter(({ name }) => name !== "p" && name !== "q")
        const value = this.expression(type, depth, [...outside, { name: "p", type: first }])
        return form`(rec { q = ${value}; p = ${this.expression(first, depth, outside)}; }).q`
      }
      default:
        return form`(builtins.deepSeq ${inner(this.type(1))} ${inner(type)})`
    }
  }

  /** Bindings that may refer to each other forwards: laziness decides the order. */
  #let(type: Type, depth: number, scope: Scope): Tree {
    const random = this.#random
    const names = NAMES.filter(() => random.chance(0.25)).slice(0, 3)
    if (names.length === 0) names.push("a")
    const variables = names.map((name) => ({ name, type: this.type(1) }))
    const bindings = variables.flatMap(({ name, type: bound }, index): (string | Tree)[] => {
      // A binding sees those before it and never itself, so that nothing is infinite.
      const hidden = new Set(names.slice(index))
      const seen = [...scope.filter((one) => !hidden.has(one.name)), ...variables.slice(0, index)]
      return [`${name} = `, this.expression(bound, depth, seen), "; "]
    })
    // In any order: a binding is found wherever it stands.
    const groups = Array.from({ length: names.length }, (_, index) => bindings.slice(index * 3, index * 3 + 3))
    const shuffled = random.chance(0.5) ? groups : groups.toReversed()
    const body = this.expression(type, depth, [...scope, ...variables])
    return { type, parts: ["(let ", ...shuffled.flat(), "in ", body, ")"] }
  }

  #formals(type: Type, depth: number, scope: Scope): Tree {
    const random = this.#random
    const names = NAMES.slice(0, 6).filter(() => random.chance(0.4))
    const formals = names.map((name) => ({ name, type: this.type(1), optional: random.chance(0.4) }))
    const hidden = new Set(names)
    const outside = scope.filter((one) => !hidden.has(one.name))
    const pattern = formals.flatMap(({ name, type: bound, optional }, index): (string | Tree)[] => {
      const fallback = this.expression(bound, depth - 1, [...outside, ...formals.slice(0, index)])
      return [index === 0 ? "" : ", ", name, ...(optional ? [" ? ", fallback] : [])]
    })
    const ellipsis = random.chance(0.3)
    const all = random.chance(0.3) ? "@args" : ""
    const dots = ellipsis ? (formals.length > 0 ? ", ..." : "...") : ""
    const body = this.expression(type, depth, [...scope, ...formals])
    const given = formals.flatMap(({ name, type: bound, optional }): (string | Tree)[] =>
      (optional && random.chance(0.6)) || random.chance(0.01)
        ? []
        : [`${name} = `, this.expression(bound, depth, scope), "; "],
    )
    const more = ellipsis && random.chance(0.5) ? "unasked = 1; " : random.chance(0.01) ? "unasked = 1; " : ""
    return { type, parts: ["(({ ", ...pattern, dots, ` }${all}: `, body, ") { ", ...given, more, "})"] }
  }

  /** Recursion that ends: a function of a counter. */
  #countdown(type: Type, depth: number, scope: Scope): Tree {
    const extra = [
      { name: "n", type: INT },
      { name: "before", type },
    ]
    const step = this.expression(type, depth, [...scope.filter(({ name }) => name !== "go"), ...extra])
    const start = this.expression(type, depth, scope)
    const turns = String(this.#random.below(4))
    return tree(type)`(let go = n: if n == 0 then ${start} else (before: ${step}) (go (n - 1)); in go ${turns})`
  }

  #ownForm(type: Type, depth: number, scope: Scope): Tree {
    switch (type.kind) {
      case "int":
        return this.#int(depth, scope)
      case "float":
        return this.#float(depth, scope)
      case "string":
        return this.#string(depth, scope)
      case "bool":
        return this.#bool(depth, scope)
      case "null":
        return this.#leaf(type, scope)
      case "path":
        return this.#path(depth, scope)
      case "list":
        return this.#list(type, depth, scope)
      case "map":
        return this.#map(type, depth, scope)
      case "set":
        return this.#set(type, depth, scope)
      case "function":
        return this.#function(type, depth, scope)
    }
  }

  #int(depth: number, scope: Scope): Tree {
    const random = this.#random
    const inner = (wanted: Type): Tree => this.expression(wanted, depth, scope)
    const form = tree(INT)
    const list: Type = { kind: "list", of: this.type(1) }
    switch (random.below(15)) {
      case 0:
      case 1:
      case 2:
        return form`(${inner(INT)} ${random.pick(["+", "-", "*"])} ${inner(INT)})`
      case 14: {
        const next = this.expression(INT, depth, [...scope, { name: "x", type: INT }])
        return form`(builtins.length (builtins.genericClosure { startSet = [ { key = ${inner(INT)}; } ]; operator = { key }: let x = key; in if x > 0 && x < 9 then [ { key = ${next} - 20; } ] else [ ]; }))`
      }
      case 3:
        return form`(${inner(INT)} / ${random.chance(0.9) ? random.pick(["1", "2", "3", "(-2)"]) : inner(INT)})`
      case 4:
        return form`(- ${inner(INT)})`
      case 5:
        return form`(builtins.stringLength ${inner(STRING)})`
      case 6:
        return form`(builtins.length ${inner(list)})`
      case 7:
        return form`(builtins.${random.pick(["bitAnd", "bitOr", "bitXor", "add", "sub", "mul"])} ${inner(INT)} ${inner(INT)})`
      case 8:
        return form`(builtins.${random.pick(["floor", "ceil"])} ${inner(FLOAT)})`
      case 9:
        return form`(builtins.compareVersions ${inner(STRING)} ${inner(STRING)})`
      case 10:
        return form`(builtins.foldl' builtins.add 0 ${inner({ kind: "list", of: INT })})`
      case 11:
        return form`(builtins.fromJSON (builtins.toJSON ${inner(INT)}))`
      case 12:
        return form`(builtins.head (${inner({ kind: "list", of: INT })} ++ [ ${inner(INT)} ]))`
      default:
        return form`(builtins.length (builtins.attrNames ${inner({ kind: "map", of: this.type(1) })}))`
    }
  }

  #float(depth: number, scope: Scope): Tree {
    const random = this.#random
    const inner = (wanted: Type): Tree => this.expression(wanted, depth, scope)
    const form = tree(FLOAT)
    switch (random.below(4)) {
      case 0:
        return form`(${inner(INT)} ${random.pick(["+", "-", "*"])} ${inner(FLOAT)})`
      case 1:
        return form`(${inner(FLOAT)} / ${random.pick(["2.0", "0.5", "3", "(-1.5)"])})`
      case 2:
        return form`(- ${inner(FLOAT)})`
      default:
        return form`(${inner(FLOAT)} ${random.pick(["+", "-", "*"])} ${inner(FLOAT)})`
    }
  }

  /** A string literal, of either kind. */
  #text(depth: number, scope: Scope): Tree {
    const random = this.#random
    const pieces = Array.from({ length: random.between(0, 4) }, (): (string | Tree)[] => {
      if (depth > 0 && random.chance(0.5)) return ["${", this.expression(STRING, depth - 1, scope), "}"]
      return [random.pick(TEXTS)]
    })
    if (random.chance(0.2)) {
      // Indented: lines of their own, some deeper than others. A quote before `''` would end up in the escape.
      const lines = pieces.flatMap((piece) => [" ".repeat(random.below(5)), ...piece.map(inIndented), "\n"])
      return { type: STRING, parts: ["''\n", ...lines, "''"] }
    }
    const escaped = pieces.map((piece) => (random.chance(0.2) ? [random.pick(ESCAPES), ...piece] : piece))
    return { type: STRING, parts: ['"', ...escaped.flat(), '"'] }
  }

  #string(depth: number, scope: Scope): Tree {
    const random = this.#random
    const inner = (wanted: Type): Tree => this.expression(wanted, depth, scope)
    const form = tree(STRING)
    const strings: Type = { kind: "list", of: STRING }
    switch (random.below(20)) {
      case 0:
      case 1:
      case 2:
        return this.#text(depth, scope)
      case 3:
        return form`(${inner(STRING)} + ${inner(STRING)})`
      case 4:
        return form`(toString ${inner(random.pick([INT, FLOAT, BOOL, NULL, STRING, PATH, strings]))})`
      case 5:
        return form`(builtins.substring ${random.pick(["0", "1", "2"])} ${random.pick(["0", "1", "3", "(-1)"])} ${inner(STRING)})`
      case 6:
        return form`(builtins.replaceStrings [ ${this.#text(0, scope)} ${inner(STRING)} ] [ ${inner(STRING)} ${inner(STRING)} ] ${inner(STRING)})`
      case 7:
        return form`(builtins.concatStringsSep "${random.pick(SEPARATORS)}" ${inner(strings)})`
      case 8:
      case 9:
        return form`(builtins.toJSON ${inner(this.type(2, false))})`
      case 10:
        return form`(builtins.typeOf ${inner(this.type(1))})`
      case 11:
        return form`(builtins.hashString "${random.pick(["md5", "sha1", "sha256", "sha512"])}" ${inner(STRING)})`
      case 12:
        return form`(builtins.parseDrvName ${inner(STRING)}).${random.pick(["name", "version"])}`
      case 13:
        return form`(${random.pick(["baseNameOf", "dirOf"])} ${inner(STRING)})`
      case 14:
        return form`(toString (${inner({ kind: "map", of: STRING })}.${random.pick(FIELDS)} or ${inner(STRING)}))`
      case 15:
        return form`(builtins.toXML ${inner(this.type(2))})`
      case 16:
        return form`"\${{ __toString = self: ${inner(STRING)}; a = ${inner(INT)}; }}"`
      case 17:
        return form`(builtins.concatStringsSep "," (builtins.attrNames ${inner({ kind: "map", of: this.type(1) })}))`
      case 18:
        return form`(builtins.toJSON (builtins.match "${random.pick(PATTERNS)}" ${inner(STRING)}))`
      default:
        return form`(builtins.unsafeDiscardStringContext ${inner(STRING)})`
    }
  }

  #bool(depth: number, scope: Scope): Tree {
    const random = this.#random
    const inner = (wanted: Type): Tree => this.expression(wanted, depth, scope)
    const form = tree(BOOL)
    const any = this.type(2, false)
    const ordered = random.pick([INT, FLOAT, STRING, PATH, { kind: "list", of: INT } as const])
    switch (random.below(15)) {
      case 14: {
        // One value on both sides: what is looked at, and what pointers decide.
        const [open, close] = random.pick([
          ["", ""],
          ["[ ", " ]"],
          ["{ a = ", "; }"],
        ] as const)
        return form`(let same = ${inner(this.type(2))}; in ${open}same${close} == ${open}same${close})`
      }
      case 13:
        return form`(builtins.functionArgs ${inner({ kind: "function", from: this.#setType(1), to: BOOL })} ? ${random.pick(FIELDS)})`
      case 0:
      case 1:
        return form`(${inner(ordered)} ${random.pick(["<", "<=", ">", ">="])} ${inner(ordered)})`
      case 2:
      case 3:
        return form`(${inner(any)} ${random.pick(["==", "!="])} ${inner(any)})`
      case 4:
        return form`(${inner(BOOL)} ${random.pick(["&&", "||", "->"])} ${inner(BOOL)})`
      case 5:
        return form`(! ${inner(BOOL)})`
      case 6:
        return form`(${inner({ kind: "map", of: this.type(1) })} ? ${random.pick(FIELDS)})`
      case 7:
        return form`(${inner(this.#setType(1))} ? ${random.pick(FIELDS)}.${random.pick(FIELDS)})`
      case 8:
        return form`(builtins.elem ${inner(any)} ${inner({ kind: "list", of: any })})`
      case 9: {
        const of = this.type(1)
        const name = random.pick(NAMES)
        const test = this.expression(BOOL, depth, [...scope, { name, type: of }])
        return form`(builtins.${random.pick(["any", "all"])} (${name}: ${test}) ${inner({ kind: "list", of })})`
      }
      case 10:
        return form`(builtins.${random.pick(["isInt", "isFloat", "isString", "isBool", "isList", "isAttrs", "isFunction", "isNull", "isPath"])} ${inner(this.type(1))})`
      case 11:
        return form`(builtins.hasAttr ${inner(STRING)} ${inner({ kind: "map", of: this.type(1) })})`
      default:
        return form`(builtins.lessThan ${inner(INT)} ${inner(FLOAT)})`
    }
  }

  #path(depth: number, scope: Scope): Tree {
    const random = this.#random
    const form = tree(PATH)
    const part = { type: STRING, parts: [random.pick(['"/a"', '"b"', '"/../c"', '"/."', '"//d"'])] }
    if (random.chance(0.3)) return form`/a/\${toString ${this.expression(INT, depth, scope)}}/b`
    return form`(${this.expression(PATH, depth, scope)} + ${part})`
  }

  #list(type: Type & { readonly kind: "list" }, depth: number, scope: Scope): Tree {
    const random = this.#random
    const { of } = type
    const inner = (wanted: Type, extra: Scope = []): Tree => this.expression(wanted, depth, [...scope, ...extra])
    const form = tree(type)
    const name = random.pick(NAMES)
    const source = this.type(1)
    const from: Type = { kind: "list", of: source }
    switch (random.below(17)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const elements = Array.from({ length: random.below(4) }, () => inner(of))
        return { type, parts: ["[ ", ...joined(elements, " "), " ]"] }
      }
      case 4:
        return form`(${inner(type)} ++ ${inner(type)})`
      case 5:
      case 6:
        return form`(map (${name}: ${inner(of, [{ name, type: source }])}) ${inner(from)})`
      case 7:
        return form`(builtins.filter (${name}: ${inner(BOOL, [{ name, type: of }])}) ${inner(type)})`
      case 8:
        return form`(builtins.genList (${name}: ${inner(of, [{ name, type: INT }])}) ${random.pick(["0", "1", "3", "5"])})`
      case 9:
        return form`(builtins.concatMap (${name}: ${inner(type, [{ name, type: source }])}) ${inner(from)})`
      case 10:
        return form`(builtins.attrValues ${inner({ kind: "map", of })})`
      case 11:
        return form`(builtins.tail ([ ${inner(of)} ] ++ ${inner(type)}))`
      case 12:
        return form`(builtins.concatLists [ ${inner(type)} ${inner(type)} ])`
      case 13:
        return form`(builtins.catAttrs "${random.pick(FIELDS)}" [ ${inner({ kind: "map", of })} ${inner({ kind: "map", of })} ])`
      case 14:
        return form`(builtins.partition (${name}: ${inner(BOOL, [{ name, type: of }])}) ${inner(type)}).${random.pick(["right", "wrong"])}`
      case 15:
        if (of.kind === "string") {
          return random.chance(0.5)
            ? form`(builtins.splitVersion ${inner(STRING)})`
            : form`(builtins.filter builtins.isString (builtins.split "${random.pick(PATTERNS)}" ${inner(STRING)}))`
        }
        if (of.kind !== "int" && of.kind !== "float") return form`(builtins.filter (x: true) ${inner(type)})`
        return form`(builtins.sort (a: b: a ${random.pick(["<", ">"])} b) ${inner(type)})`
      default: {
        // Stable, whatever the order of equal keys.
        const order = this.expression(INT, depth, [...scope, { name: "it", type: of }])
        return form`(let key = it: ${order}; in builtins.sort (left: right: key left < key right) ${inner(type)})`
      }
    }
  }

  #map(type: Type & { readonly kind: "map" }, depth: number, scope: Scope): Tree {
    const random = this.#random
    const { of } = type
    const inner = (wanted: Type, extra: Scope = []): Tree => this.expression(wanted, depth, [...scope, ...extra])
    const form = tree(type)
    const source = this.type(1)
    const [key, value] = ["key", "value"] as const
    const pair = [
      { name: key, type: STRING },
      { name: value, type: source },
    ]
    switch (random.below(11)) {
      case 0:
      case 1: {
        const fields = FIELDS.filter(() => random.chance(0.4))
        return {
          type,
          parts: [
            random.chance(0.2) && !fields.includes("or") ? "rec { " : "{ ",
            // Attributes of a `rec` must not see one another by accident: they could then be infinite.
            ...fields.flatMap((name) => [
              `${name} = `,
              this.expression(
                of,
                depth,
                scope.filter((one) => !fields.includes(one.name)),
              ),
              "; ",
            ]),
            "}",
          ],
        }
      }
      case 2:
        return form`(${inner(type)} // ${inner(type)})`
      case 3:
        return form`(builtins.mapAttrs (${key}: ${value}: ${inner(of, pair)}) ${inner({ kind: "map", of: source })})`
      case 4:
        return form`(builtins.listToAttrs [ { name = ${inner(STRING)}; value = ${inner(of)}; } { name = "${random.pick(FIELDS)}"; value = ${inner(of)}; } ])`
      case 5:
        return form`(removeAttrs ${inner(type)} [ "${random.pick(FIELDS)}" ${inner(STRING)} ])`
      case 6:
        return form`(builtins.intersectAttrs ${inner({ kind: "map", of: source })} ${inner(type)})`
      case 7:
        return form`{ \${${inner(STRING)}} = ${inner(of)}; }`
      case 8:
        if (of.kind === "list") {
          return form`(builtins.zipAttrsWith (name: values: values) [ ${inner({ kind: "map", of: of.of })} ${inner({ kind: "map", of: of.of })} ])`
        }
        return form`(builtins.zipAttrsWith (name: values: builtins.head values) [ ${inner(type)} ${inner(type)} ])`
      case 9: {
        if (of.kind !== "list") return form`(builtins.mapAttrs (n: v: v) ${inner(type)})`
        const element = { name: "elem", type: of.of }
        return form`(builtins.groupBy (elem: ${inner(STRING, [element])}) ${inner(of)})`
      }
      default:
        return form`(builtins.fromJSON (builtins.toJSON ${inner(type)}))`
    }
  }

  #set(type: Type & { readonly kind: "set" }, depth: number, scope: Scope): Tree {
    const random = this.#random
    const form = tree(type)
    const other: Type = { kind: "map", of: this.type(1) }
    switch (random.below(5)) {
      case 0:
        return form`(${this.expression(other, depth, scope)} // ${this.expression(type, depth, scope)})`
      case 1:
        return form`(builtins.mapAttrs (name: value: value) ${this.expression(type, depth, scope)})`
      case 2:
        return form`(removeAttrs ${this.expression(type, depth, scope)} [ "unasked" ])`
      default:
        return this.#setLiteral(type, depth, scope)
    }
  }

  #setLiteral(type: Type & { readonly kind: "set" }, depth: number, scope: Scope): Tree {
    const random = this.#random
    const recursive = random.chance(0.2) && !("or" in type.fields)
    const names = Object.keys(type.fields)
    const seen = recursive ? scope.filter((one) => !names.includes(one.name)) : scope
    const attributes = Object.entries(type.fields).flatMap(([name, field]): (string | Tree)[] => {
      const value = this.expression(field, depth - 1, seen)
      const inherited = seen.findLast((one) => one.name === name)
      if (inherited !== undefined && sameType(field, inherited.type) && random.chance(0.5)) return [`inherit ${name}; `]
      if (random.chance(0.1)) return ["inherit (", tree(type)`{ ${name} = ${value}; }`, `) ${name}; `]
      if (field.kind === "set" && !recursive && random.chance(0.3)) {
        // Nested attributes one by one: `a.b = 1; a.c = 2;`
        return Object.entries(field.fields).flatMap(([deeper, part]) => [
          `${name}.${deeper} = `,
          this.expression(part, depth - 1, seen),
          "; ",
        ])
      }
      const key = random.chance(0.15) ? `"${name}"` : random.chance(0.1) && !recursive ? `\${"${name}"}` : name
      return [`${key} = `, value, "; "]
    })
    return { type, parts: [recursive ? "rec { " : "{ ", ...attributes, "}"] }
  }

  #function(type: Type & { readonly kind: "function" }, depth: number, scope: Scope): Tree {
    const random = this.#random
    const { from, to } = type
    const form = tree(type)
    const name = random.pick(NAMES)
    const body = this.expression(to, depth, [...scope, { name, type: from }])
    if (from.kind === "set" && random.chance(0.7)) {
      const fields = Object.entries(from.fields).filter(([field]) => field !== "or")
      const formals = fields.map(([field, inner]) => ({ name: field, type: inner }))
      const pattern = fields.map(([field]) => field).join(", ")
      const inside = this.expression(to, depth, [...scope, ...formals])
      return form`({ ${pattern}${pattern === "" ? "" : ", "}... }: ${inside})`
    }
    if (random.chance(0.15)) return form`{ __functor = self: ${name}: ${body}; state = ${this.#leaf(INT, scope)}; }`
    if (from.kind === "int" && to.kind === "int" && random.chance(0.3)) {
      return form`(builtins.${random.pick(["add", "sub", "mul", "bitAnd"])} ${this.expression(INT, depth, scope)})`
    }
    return form`(${name}: ${body})`
  }
}

/** Text as it stands in an indented string: two quotes would end it. */
function inIndented(piece: string | Tree): string | Tree {
  return typeof piece === "string" ? piece.replaceAll("''", "' ").replace(/'$/, "") : piece
}
