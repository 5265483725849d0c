/** Bad input by the million: whatever one can do to a program without knowing what it means. */
import type { Random } from "../random.ts"

const TOKENS = [
  ..."{}[]()=;:,.?@!+-*/<>'\"$\\#~|&\n\r\t \0\x7f\x80\xbf\xc3\xff".split(""),
  ..."${ '' ''${ '''  ''\\ \\u .. ... // /* */ ++ == != <= >= && || -> <| |>".split(" "),
  ..."if then else assert with let in rec inherit or __curPos builtins true false null".split(" "),
  ..."0 1 9223372036854775807 9223372036854775808 99999999999999999999999 1e400 1e-400 .5 1. 0.1e+".split(" "),
  ..."./a /a ~/a <a> <a/b> http://a.b a: {a}: a@{b}: {a}@b: ${a} \"${a}\" ''${a}'' a.b.c a.${b} or".split(" "),
  "\xef\xbb\xbf",
  "\xed\xa0\x80",
]
/** Pairs that nest, by default to a depth beyond what any stack of JavaScript's takes. */
const NESTS: Dictionary["nests"] = [
  ["(", ")"],
  ["[", "]"],
  ["{ a = ", "; }"],
  ["rec { a = ", "; }"],
  ["let a = 1; in ", ""],
  ["let a = ", "; in a"],
  ["x: ", ""],
  ["{ a ? ", " }: a"],
  ["if true then ", " else 1"],
  ["if ", " then true else false"],
  ["assert true; ", ""],
  ["with { }; ", ""],
  ["!", ""],
  ["-", ""],
  ["1 + ", ""],
  ["", " + 1"],
  ["{ } // ", ""],
  ["[ ] ++ ", ""],
  ["true -> ", ""],
  ['"${', '}"'],
  ["''${", "}''"],
  ["(x: x) (", ")"],
  ["a.${", "}"],
  ["assert ", "; 1"],
  ["{ a = 1; }.", ".a"],
]

/** What a kind of input is made of, beyond its seeds. */
export interface Dictionary {
  readonly tokens: readonly string[]
  readonly nests: readonly (readonly [open: string, close: string, depthMax?: number])[]
}
export const NIX_DICTIONARY: Dictionary = { tokens: TOKENS, nests: NESTS }

/** One input, made of `seeds`. A byte string. */
export function mutated(random: Random, seeds: readonly string[], dictionary: Dictionary): string {
  if (dictionary.nests.length > 0 && random.below(60) === 0) {
    const [open, close, depthMax = 20_000] = random.pick(dictionary.nests)
    const depth = Math.min(depthMax, random.pick([50, 1000, 20_000]))
    return (
      open.repeat(depth) +
      random.pick(["1", "true", '"a"', "", "a", "\0", ")"]) +
      close.repeat(random.pick([depth, depth, depth - 1, 0]))
    )
  }
  let text = random.pick(seeds)
  for (let times = 1 + random.below(4); times > 0; times--) text = mutateOnce(random, text, seeds, dictionary)
  return text
}

function mutateOnce(random: Random, text: string, seeds: readonly string[], { tokens }: Dictionary): string {
  const from = random.below(text.length + 1)
  const to = Math.min(text.length, from + random.below(random.pick([2, 10, 100])))
  const replaced = (piece: string, end = to): string => text.slice(0, from) + piece + text.slice(end)
  switch (random.below(9)) {
    case 0:
      return text.slice(0, from)
    case 1:
      return text.slice(from)
    case 2:
      return replaced("")
    case 3:
      return replaced(String.fromCharCode(random.below(256)), from + 1)
    case 4:
      return replaced(random.pick(tokens), from)
    case 5:
      return replaced(random.pick(tokens))
    case 6:
      return replaced(text.slice(from, to).repeat(1 + random.below(4)))
    case 7: {
      const other = random.pick(seeds)
      const start = random.below(other.length + 1)
      return replaced(other.slice(start, start + random.below(80)))
    }
    default:
      // Another number, where there is one.
      return text.replace(/\b\d+\b/, () =>
        random.pick(["9223372036854775807", "-1", "4611686018427387904", "1e308", "999999999", "0"]),
      )
  }
}
