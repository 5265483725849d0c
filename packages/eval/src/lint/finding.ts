import type { LintCode } from "./rules.ts"

/** What the linter has to say about `[from, to)` of a file; offsets are bytes. */
export interface Finding {
  readonly code: LintCode
  readonly from: number
  readonly to: number
  /** A byte string, since it may quote the program. */
  readonly message: string
  /** What to change, or to change nothing but the form; keeps the meaning. */
  readonly fix?: readonly Edit[]
}

/** Replaces `[from, to)` by `text`. The edits of a fix do not overlap. */
export interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** `text` with the fixes of all `findings` that do not get in each other's way; how many those were. */
export function applyFixes(
  text: string,
  findings: readonly Finding[],
): { readonly text: string; readonly count: number } {
  /** In order, none touching another. */
  const taken: Edit[] = []
  /** Index in `taken` that `edit` would get; -1 if it meets what is there. Of two edits at one place, which comes first? */
  const roomFor = (edit: Edit): number => {
    let low = 0
    let high = taken.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (taken[middle]!.from < edit.from) low = middle + 1
      else high = middle
    }
    const before = taken[low - 1]
    const after = taken[low]
    const fits =
      (before === undefined || before.to <= edit.from) &&
      (after === undefined || (edit.to <= after.from && edit.from < after.from))
    return fits ? low : -1
  }
  let count = 0
  for (const { fix } of findings) {
    if (fix === undefined || fix.some((edit) => roomFor(edit) < 0)) continue
    for (const edit of fix) taken.splice(roomFor(edit), 0, edit)
    count++
  }
  let out = ""
  let at = 0
  for (const { from, to, text: replacement } of taken) {
    out += text.slice(at, from) + replacement
    at = to
  }
  return { text: out + text.slice(at), count }
}
