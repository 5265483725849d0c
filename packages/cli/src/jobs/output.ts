/** Printing results: as they come, or in the order of attribute paths, which is bytewise, sets where their names are. */
import type { Node } from "./queue.ts"

/** Takes lines to print, as {@link Lines} does. */
export interface LineSink {
  add(line: string): void
  /** Everything that was added is to be seen, now. */
  flush(): void
}

export interface ResultOutput {
  /** `line` is what to print of the attribute, undefined if nothing. Once for each. */
  result(node: Node, index: number, line: string | undefined): void
  /** The attribute is a set, and will be gone into. */
  enter(node: Node, index: number, inner: Node): void
  /** Everything that may be printed is to be, now. */
  flush(): void
}

export function unorderedOutput(lines: LineSink): ResultOutput {
  return {
    result(_node, _index, line) {
      if (line !== undefined) lines.add(line)
    },
    enter() {},
    flush: () => lines.flush(),
  }
}

/** What is known of an attribute: undefined is nothing yet, null nothing to print. */
type Slot = string | null | Node | undefined

/** @param root the set that all others are in */
export function orderedOutput(root: Node, lines: LineSink): ResultOutput {
  const slots = new Map<Node, Slot[]>()
  const slotsOf = (node: Node): Slot[] => {
    let found = slots.get(node)
    if (found === undefined) slots.set(node, (found = []))
    return found
  }
  /** The next to print. */
  let node: Node | undefined = root
  let index = 0
  const printReady = (): void => {
    while (node !== undefined) {
      if (index === node.names.length) {
        slots.delete(node)
        index = (node.parent?.index ?? 0) + 1
        node = node.parent?.node
        continue
      }
      const known = slotsOf(node)
      const slot = known[index]
      if (slot === undefined) return
      // What was printed is not needed any more.
      known[index] = null
      if (slot !== null && typeof slot !== "string") {
        node = slot
        index = 0
        continue
      }
      if (slot !== null) lines.add(slot)
      index++
    }
  }
  return {
    result(at, position, line) {
      slotsOf(at)[position] = line ?? null
      if (at === node && position === index) printReady()
    },
    enter(at, position, inner) {
      slotsOf(at)[position] = inner
      if (at === node && position === index) printReady()
    },
    flush: () => lines.flush(),
  }
}
