/** Forcing a value with everything in it: `--strict` and `builtins.deepSeq`. */
import { AttrSet, type Position } from "./attrs.ts"
import { isList, Thunk, type Forced, type Value } from "./value.ts"
import { asFailure, type Task } from "./vm/machine.ts"

interface Open {
  readonly names: readonly string[] | undefined
  readonly positions: readonly Position[] | undefined
  readonly values: readonly Value[]
  next: number
}

/** A task that forces `value` and all it contains, each list and set once, and whose result is the value. */
export function* forceDeep(value: Value): Task<Forced> {
  const root = (value instanceof Thunk ? yield value : value) as Forced
  const seen = new Set<unknown>()
  const stack: Open[] = []
  const open = (forced: Forced): void => {
    if (isList(forced)) {
      if (forced.length === 0 || seen.has(forced)) return
      seen.add(forced)
      stack.push({ names: undefined, positions: undefined, values: forced, next: 0 })
    } else if (forced instanceof AttrSet) {
      if (forced.isEmpty || seen.has(forced)) return
      seen.add(forced)
      const entries = [...forced.entries()]
      stack.push({
        names: entries.map(([name]) => name),
        positions: entries.map(([, , at]) => at),
        values: entries.map(([, v]) => v),
        next: 0,
      })
    }
  }

  open(root)
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    if (top.next === top.values.length) {
      stack.pop()
      continue
    }
    const item = top.values[top.next++]!
    try {
      open((item instanceof Thunk ? yield item : item) as Forced)
    } catch (problem) {
      let failure = asFailure(problem)
      for (let i = stack.length - 1; i >= 0; i--) {
        const { names, positions, next } = stack[i]!
        failure =
          names === undefined
            ? failure.traced(0, `while evaluating list element at index ${next - 1}`)
            : failure.traced(positions![next - 1]!, `while evaluating the attribute '${names[next - 1]}'`)
      }
      throw failure
    }
  }
  return root
}
