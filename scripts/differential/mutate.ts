/** Damages a program: what is left is mostly not Nix any more, and sometimes quite other Nix. */
import type { Random } from "../random.ts"
import { print, type Tree } from "./tree.ts"

/** Words, numbers, operators, blanks and single characters; together they are the text. */
const TOKENS = /[A-Za-z_][\w'-]*|\d+(?:\.\d+)?|\s+|''|\$\{|\|>|<\||[=!<>/+&|-]{2}|[^]/gu

const SPICE = [
  "+ - * / // ++ == != < > <= >= && || -> ! ? |> <| . ... @ : ; , = ( ) [ ] { } ${ ' '' \" \\ $ # /* */",
  "if then else let in rec with assert inherit or a x 0 1.5 null <a> ./a ~/a http://a __curPos é 9223372036854775808",
].flatMap((words) => words.split(" "))
const BLANKS = ["\n", "\r\n", "\t", " "]

/** `program` with one to three tokens gone, doubled, exchanged or added. Its tree is its tokens. */
export function mutate(program: Tree, random: Random): Tree {
  const tokens: string[] = print(program).match(TOKENS) ?? []
  for (let n = random.between(1, 4); n > 0; n--) {
    const at = random.below(tokens.length)
    switch (random.below(4)) {
      case 0:
        tokens.splice(at, 1)
        break
      case 1:
        tokens.splice(at, 0, tokens[at] ?? "")
        break
      case 2:
        tokens.splice(at, 1, tokens[random.below(tokens.length)] ?? "")
        break
      default:
        tokens.splice(at, 0, random.pick(random.chance(0.1) ? BLANKS : SPICE))
    }
  }
  return { type: program.type, parts: tokens }
}
