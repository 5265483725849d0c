/** Random programs about what strings refer to: each evaluates to something that `show` can print with its contexts. */
import { Random } from "../random.ts"

/** Definitions for all programs. `show` makes JSON of a value and of what every string in it refers to. */
export const DEFINITIONS: readonly (readonly [name: string, expression: string])[] = [
  [
    "show",
    "let go = v: if builtins.isString v then { text = builtins.unsafeDiscardStringContext v; context = builtins.getContext v; }" +
      " else if builtins.isList v then map go v else if builtins.isAttrs v then builtins.mapAttrs (_: go) v" +
      " else if builtins.isPath v then { path = toString v; } else if builtins.isFunction v then { } else v;" +
      " in v: builtins.unsafeDiscardStringContext (builtins.toJSON (go v))",
  ],
  ["d", 'derivation { name = "d"; system = "x"; builder = "/bin/sh"; outputs = [ "out" "dev" ]; }'],
  [
    "e",
    'derivation { name = "e"; system = "x"; builder = d; src = ./files; outputHash = ""; outputHashAlgo = "sha256"; }',
  ],
  ["f", 'derivation { name = "f"; system = "x"; builder = "/bin/sh"; __structuredAttrs = true; deps = [ d.dev e ]; }'],
  ["t", 'builtins.toFile "t" "text"'],
  ["u", 'builtins.toFile "u" "refers to ${t} and ${./files/tree}"'],
]

const ATOMS = [
  '"${d}"', "d.dev.outPath", "d.drvPath", "e.outPath", '"${f}"', "f.drvPath", '"${t}"', "u", '"${./files}"', '"${./files/tree}"',
  "(builtins.unsafeDiscardOutputDependency d.drvPath)", "(builtins.unsafeDiscardOutputDependency f.drvPath)",
  "(builtins.unsafeDiscardStringContext d.outPath)", "builtins.storeDir", '(builtins.placeholder "out")', "(toString ./files)",
] // prettier-ignore
const PLAIN = [
  '""',
  '"a"',
  '"/"',
  '"/nix/store"',
  '"-"',
  '"x y"',
  '"é"',
  '"1.2.3"',
  '"out"',
  '"[ ]"',
  '"a.b-1.0"',
] as const
const PATTERNS = ['"(.*)"', '".*"', '"(.*)-(.*)"', '"([^/]*)/(.*)"', '"-"', '"()"', '"[0-9a-z]+"', '"(a)|(/)"']

export function generateProgram(seed: number): string {
  return new Generator(new Random(seed)).value(3)
}

class Generator {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** Of any type. */
  value(depth: number): string {
    const random = this.#random
    const s = (): string => this.string(depth - 1)
    return random.chance(0.4) ? this.string(depth) : `(${this.#pick([
      () => `builtins.split ${this.#pattern(depth)} ${s()}`,
      () => `builtins.match ${this.#pattern(depth)} ${s()}`,
      () => `builtins.getContext ${s()}`,
      () => `builtins.hasContext ${s()}`,
      () => `builtins.stringLength ${s()}`,
      () => `${s()} == ${s()}`,
      () => `${s()} < ${s()}`,
      () => `builtins.compareVersions ${s()} ${s()}`,
      () => `builtins.splitVersion ${s()}`,
      () => `builtins.parseDrvName ${s()}`,
      () => `builtins.fromJSON (builtins.toJSON ${s()})`,
      () => `builtins.fromJSON ${s()}`,
      () => `builtins.tryEval ${s()}`,
      () => `builtins.tryEval (throw ${s()})`,
      () => `throw ${s()}`,
      () => `abort ${s()}`,
      () => `builtins.trace ${s()} ${s()}`,
      () => `builtins.addErrorContext ${s()} ${s()}`,
      () => `builtins.pathExists ${s()}`,
      () => `builtins.readFileType ${s()}`,
      () => `builtins.attrNames { \${${s()}} = 1; }`,
      () => `{ \${${s()}} = ${s()}; }`,
      () => `{ a = 1; }.\${${s()}} or 2`,
      () => `{ a = 1; } ? \${${s()}}`,
      () => `builtins.listToAttrs [ { name = ${s()}; value = ${s()}; } ]`,
      () => `builtins.getAttr ${s()} { a = 1; }`,
      () => `builtins.hasAttr ${s()} { a = 1; }`,
      () => `builtins.removeAttrs { a = 1; } [ ${s()} ]`,
      () => `builtins.groupBy (x: x) [ ${s()} ]`,
      () => `builtins.catAttrs ${s()} [ { a = 1; } ]`,
      () => `builtins.elem ${s()} [ ${s()} ${s()} ]`,
      () => `builtins.sort builtins.lessThan [ ${s()} ${s()} ${s()} ]`,
      () => `builtins.getEnv ${s()}`,
      () => `builtins.placeholder ${s()}`,
      () => `builtins.hashString ${s()} "x"`,
      () => `builtins.isString ${s()} && builtins.typeOf ${s()} == "string"`,
      () => `map builtins.hasContext (builtins.filter builtins.isString (builtins.split "/" ${s()}))`,
      () => `builtins.genericClosure { startSet = [ { key = ${s()}; } { key = ${s()}; } ]; operator = x: [ ]; }`,
      () => `builtins.path { path = ${s()}; }`,
      () => `builtins.path { path = ./files; name = ${s()}; }`,
      () => `builtins.path { path = ./files; sha256 = ${s()}; }`,
      () => `./files + ${s()}`,
      () => `./files/\${${s()}}`,
      () => `<nowhere/\${${s()}}>`,
      () => `derivation { name = ${s()}; system = "x"; builder = "y"; }`,
      () => `(derivation { name = "g"; system = ${s()}; builder = ${s()}; args = [ ${s()} ]; a = ${this.value(depth - 1)}; }).drvPath`,
      () => `(derivation { name = "g"; system = "x"; builder = ${s()}; __structuredAttrs = true; a = ${this.value(depth - 1)}; }).outPath`,
      () => `(derivation { name = "g"; system = "x"; builder = "y"; outputHash = ${s()}; outputHashAlgo = ${s()}; }).drvPath`,
      () => `(derivation { name = "g"; system = "x"; builder = "y"; outputs = [ ${s()} ]; }).drvPath`,
      () => `builtins.toPath ${s()}`,
      () => `import ${s()}`,
      () => `builtins.readDir ${s()}`,
      () => `builtins.findFile [ { prefix = ${s()}; path = ${s()}; } ] "a"`,
      () => `builtins.convertHash { hash = ${s()}; toHashFormat = "sri"; hashAlgo = "sha256"; }`,
      () => `builtins.functionArgs ${s()}`,
      () => `builtins.concatLists [ [ ${s()} ] [ ${s()} ] ]`,
      () => `builtins.mapAttrs (n: v: n + v) { a = ${s()}; }`,
      () => `builtins.zipAttrsWith (n: v: builtins.concatStringsSep n v) [ { a = ${s()}; } { a = ${s()}; } ]`,
      () => `builtins.parseFlakeRef ${s()}`,
      () => `builtins.filterSource (p: t: true) ${s()}`,
      () => `builtins.hashFile "md5" ${s()}`,
      () => `builtins.storePath ${s()}`,
    ])()})` // prettier-ignore
  }

  /** A string, or what should be one. Where several names of one set would be wrong, which is told of is not defined. */
  string(depth: number): string {
    const random = this.#random
    if (depth <= 0) return random.chance(0.7) ? random.pick(ATOMS) : random.pick(PLAIN)
    const s = (): string => this.string(depth - 1)
    return `(${this.#pick([
      () => this.string(0),
      () => `"${random.pick(["", "a", "/"])}\${${s()}}${random.pick(["", " ", "/b"])}\${${s()}}"`,
      () => `${s()} + ${s()}`,
      () => `builtins.substring ${random.pick(["0", "1", "11", "44", "1000", "(-1)"])} ${random.pick(["0", "1", "32", "(-1)", "99"])} ${s()}`,
      () => `builtins.replaceStrings [ ${s()} ${s()} ] [ ${s()} ${s()} ] ${s()}`,
      () => `builtins.replaceStrings [ "${random.pick(["", "/", "a"])}" ] [ ${s()} ] ${s()}`,
      () => `builtins.concatStringsSep ${s()} [ ${s()} ${s()} ]`,
      () => `builtins.concatStringsSep ${s()} [ ]`,
      () => `builtins.toJSON ${this.value(depth - 1)}`,
      () => `builtins.toXML ${this.value(depth - 1)}`,
      () => `toString ${this.value(depth - 1)}`,
      () => `builtins.baseNameOf ${s()}`,
      () => `dirOf ${s()}`,
      () => `builtins.hashString "${random.pick(["md5", "sha1", "sha256", "sha512"])}" ${s()}`,
      () => `builtins.elemAt (builtins.split ${random.pick(PATTERNS)} ${s()}) 0`,
      () => `builtins.head (builtins.match ${random.pick(PATTERNS)} ${s()})`,
      () => `builtins.unsafeDiscardStringContext ${s()}`,
      () => `builtins.unsafeDiscardOutputDependency ${s()}`,
      () => `builtins.addDrvOutputDependencies ${s()}`,
      () => `builtins.appendContext ${s()} (builtins.getContext ${s()})`,
      () => `builtins.appendContext ${s()} (builtins.mapAttrs (_: c: c // { path = ${random.pick(["true", "false", "1"])}; }) (builtins.getContext ${random.pick(ATOMS)}))`,
      () => `builtins.appendContext ${s()} (builtins.mapAttrs (_: c: c // { allOutputs = true; }) (builtins.getContext ${random.pick(ATOMS)}))`,
      () => `builtins.appendContext ${s()} (builtins.mapAttrs (_: c: { outputs = c.outputs or [ ] ++ [ ${s()} ]; }) (builtins.getContext ${random.pick(ATOMS)}))`,
      () => `builtins.appendContext ${s()} { \${${s()}} = { }; }`,
      () => `builtins.readFile ${random.pick(["t", "u", s()])}`,
      () => `builtins.readFile (builtins.toFile "r" ${s()})`,
      () => `builtins.toFile "w" ${s()}`,
      () => `builtins.toFile ${s()} "w"`,
      () => `"\${./files}/" + ${s()}`,
      () => `builtins.seq ${s()} ${s()}`,
      () => `builtins.foldl' (a: b: a + b) "" [ ${s()} ${s()} ]`,
      () => `if builtins.hasContext ${s()} then ${s()} else ${s()}`,
      () => `{ outPath = ${s()}; } + ${s()}`,
      () => `"\${{ __toString = _: ${s()}; }}"`,
      () => `d.\${${s()}}.outPath or ${s()}`,
      () => `(builtins.fromJSON (builtins.toJSON { a = builtins.unsafeDiscardStringContext ${s()}; })).a`,
    ])()})` // prettier-ignore
  }

  #pattern(depth: number): string {
    return this.#random.chance(0.9) ? this.#random.pick(PATTERNS) : this.string(depth - 1)
  }

  #pick(choices: readonly (() => string)[]): () => string {
    return this.#random.pick(choices)
  }
}
