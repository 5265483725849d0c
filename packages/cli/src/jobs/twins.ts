/**
 * Attributes that are the very same values as others, as package sets have them by the thousand: `pkgs.buildPackages.git`
 * is `pkgs.git`. They wait until the other was looked at, and are for the same worker then, for which they are no work.
 */
import type { Attribute, Node } from "./queue.ts"

/** @typeParam Worker one process, not its successors */
export class Twins<Worker extends object> {
  #root: Node | undefined
  readonly #numberings = new WeakMap<Worker, Numbering>()
  readonly #states = new WeakMap<Node, State<Worker>>()

  /** `worker` has told what is in the set of `node`; the first set is the root, which all workers know. */
  told(worker: Worker, node: Node): void {
    if (this.#root === undefined) this.#root = node
    else this.#numberingOf(worker).add(node)
  }

  /** The attribute that has this number with `worker`. */
  find(worker: Worker, number: number): Attribute | undefined {
    return this.#numberingOf(worker).find(number)
  }

  /** Who has looked at an attribute. */
  lookedAtBy({ node, index }: Attribute): Worker | undefined {
    return this.#states.get(node)?.lookedAtBy[index]
  }
  /** `attribute` is to be looked at after `other`. */
  wait(attribute: Attribute, other: Attribute): void {
    const { waiting } = this.#stateOf(other.node)
    const list = waiting.get(other.index)
    if (list === undefined) waiting.set(other.index, [attribute])
    else list.push(attribute)
  }
  /** `worker` has looked at an attribute: those that have waited for it. */
  looked(worker: Worker, { node, index }: Attribute): readonly Attribute[] {
    const state = this.#stateOf(node)
    state.lookedAtBy[index] = worker
    const waiting = state.waiting.get(index)
    if (waiting === undefined) return []
    state.waiting.delete(index)
    return waiting
  }

  #numberingOf(worker: Worker): Numbering {
    let numbering = this.#numberings.get(worker)
    if (numbering === undefined) {
      numbering = new Numbering()
      numbering.add(this.#root!)
      this.#numberings.set(worker, numbering)
    }
    return numbering
  }
  #stateOf(node: Node): State<Worker> {
    let state = this.#states.get(node)
    if (state === undefined) this.#states.set(node, (state = new State(node.names.length)))
    return state
  }
}

/** The sets that a worker has told of, in their order. */
class Numbering {
  readonly #nodes: Node[] = []
  /** The number of the first attribute of each. */
  readonly #firsts: number[] = []
  #next = 0

  add(node: Node): void {
    this.#nodes.push(node)
    this.#firsts.push(this.#next)
    this.#next += node.names.length
  }

  find(number: number): Attribute | undefined {
    let low = 0
    let high = this.#nodes.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.#firsts[middle]! <= number) low = middle
      else high = middle
    }
    const node = this.#nodes[low]!
    const index = number - this.#firsts[low]!
    return index >= 0 && index < node.names.length ? { node, index } : undefined
  }
}

class State<Worker> {
  readonly lookedAtBy: (Worker | undefined)[]
  /** By index. */
  readonly waiting = new Map<number, Attribute[]>()

  constructor(length: number) {
    this.lookedAtBy = new Array<Worker | undefined>(length).fill(undefined)
  }
}
