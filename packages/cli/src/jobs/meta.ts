/** `meta` of a derivation as JSON: the attributes that C++ Nix shows (libexpr/get-drvs.cc, checkMeta). */
import { AttrSet, NixFloat, type Forced, type Value } from "@tvix-ts/eval"
import { ContextBuilder, fail, isList, isString, printJson, quoteJson, type Task } from "@tvix-ts/eval/builtins"

/** Values inside values; deeper ones are cycles, as good as certainly. */
const DEPTH_MAX = 10_000

/** A task whose result is the JSON of `derivation.meta`, without what cannot be shown; `null` if nothing is there. */
export function* derivationMeta(derivation: AttrSet): Task<string> {
  const value = derivation.get("meta")
  if (value === undefined) return "null"
  const meta = (yield value) as Forced
  if (!(meta instanceof AttrSet)) return fail({ code: "type-error", expected: "a set", found: meta })
  const members: string[] = []
  for (const name of meta.sortedNames()) {
    const member = meta.get(name)!
    if (!(yield* isPlain(member))) continue
    const json = yield* printJson(member, { strict: true, copyToStore: true }, new ContextBuilder())
    members.push(`${quoteJson(name)}:${json}`)
  }
  return members.length === 0 ? "null" : `{${members.join(",")}}`
}

/** Whether there is nothing but sets, lists, strings, numbers and Booleans in `value`, and no derivation. */
function* isPlain(value: Value): Task<boolean> {
  const open: Iterator<Value>[] = [[value].values()]
  for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
    const next = inner.next()
    if (next.done === true) {
      open.pop()
      continue
    }
    const forced = (yield next.value) as Forced
    if (isList(forced)) open.push(forced.values())
    else if (forced instanceof AttrSet) {
      if (forced.has("outPath")) return false
      const set = forced
      open.push(
        set
          .sortedNames()
          .values()
          .map((name) => set.get(name)!),
      )
    } else if (!isAtom(forced)) return false
    if (open.length > DEPTH_MAX) fail({ code: "stack-overflow" })
  }
  return true
}

function isAtom(value: Forced): boolean {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return true
  return value instanceof NixFloat || isString(value)
}
