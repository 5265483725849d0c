/**
 * Builds the LALR(1) automaton of a grammar, with the same conflict resolution and the same default reductions as GNU
 * bison (its manual, "Operator Precedence" and "Default Reductions"): after which token an error is noticed, and which
 * tokens a message calls expected, depend on both.
 *
 * Runs when the tables are generated, never in a parser. Lookahead sets by propagation (Aho, Lam, Sethi,
 * Ullman: "Compilers", section 4.7.5).
 */

export interface Grammar {
  /** Names of the terminals; the index is the number. Number 0 is the end of the text. */
  readonly terminals: readonly string[]
  /** Production 0 is the start: its left side is the start symbol, the end of the text is implied after it. */
  readonly productions: readonly Production[]
  /** Operators, loosest first. */
  readonly precedence: readonly Precedence[]
}
interface Production {
  readonly left: string
  readonly right: readonly string[]
  /** The terminal whose precedence the production has, if not that of its last terminal. */
  readonly precedence?: string | undefined
}
export interface Precedence {
  readonly associativity: "left" | "right" | "none"
  readonly operators: readonly string[]
}

interface State {
  /** By terminal: `n > 0` shifts into state n - 1, `n < 0` reduces production -n - 1, 0 is an error, `accept` ends. */
  readonly actions: Map<number, number>
  /** Production to reduce where `actions` has no entry; also where it has one and the token is an error. */
  readonly defaultReduction: number | undefined
  /** By nonterminal. */
  readonly gotos: Map<number, number>
}
export interface Automaton {
  readonly nonterminals: readonly string[]
  readonly states: readonly State[]
}

export const ACCEPT = 0x7fff

interface Item {
  readonly production: number
  readonly dot: number
}

export function buildAutomaton(grammar: Grammar): Automaton {
  const { terminals } = grammar
  const nonterminals = [...new Set(grammar.productions.map((p) => p.left))]
  // Symbols as numbers: terminals first, then nonterminals. Production 0 is preceded by `accept: start END`, as bison's is.
  const symbols = new Map([...terminals, ...nonterminals].map((name, i) => [name, i]))
  if (symbols.size !== terminals.length + nonterminals.length)
    throw new Error("a name is both terminal and nonterminal")
  const symbol = (name: string): number => {
    const number = symbols.get(name)
    if (number === undefined) throw new Error(`rule uses the unknown symbol ${name}`)
    return number
  }
  const isTerminal = (s: number): boolean => s < terminals.length
  const lefts = grammar.productions.map((p) => symbol(p.left))
  const rights = grammar.productions.map((p) => p.right.map(symbol))
  const start = lefts[0]!
  const acceptProduction = rights.length
  lefts.push(-1)
  rights.push([start, 0])
  const productionsOf = new Map<number, number[]>()
  lefts.forEach((left, i) => productionsOf.set(left, [...(productionsOf.get(left) ?? []), i]))

  const { nullable, first } = firstSets(lefts, rights, isTerminal)

  // LR(0) states, by kernel.
  const kernels: Item[][] = []
  const transitions: Map<number, number>[] = []
  const byKey = new Map<string, number>()
  const stateOf = (kernel: Item[]): number => {
    kernel.sort((a, b) => a.production - b.production || a.dot - b.dot)
    const key = kernel.map((i) => `${i.production}.${i.dot}`).join(" ")
    let state = byKey.get(key)
    if (state === undefined) {
      state = kernels.push(kernel) - 1
      byKey.set(key, state)
    }
    return state
  }
  const closure = (kernel: readonly Item[]): Item[] => {
    const items = [...kernel]
    const seen = new Set<number>()
    for (let i = 0; i < items.length; i++) {
      const next = rights[items[i]!.production]![items[i]!.dot]
      if (next === undefined || isTerminal(next) || seen.has(next)) continue
      seen.add(next)
      for (const production of productionsOf.get(next)!) items.push({ production, dot: 0 })
    }
    return items
  }
  stateOf([{ production: acceptProduction, dot: 0 }])
  for (let s = 0; s < kernels.length; s++) {
    const targets = new Map<number, Item[]>()
    for (const { production, dot } of closure(kernels[s]!)) {
      const next = rights[production]![dot]
      if (next === undefined) continue
      targets.set(next, [...(targets.get(next) ?? []), { production, dot: dot + 1 }])
    }
    transitions.push(new Map([...targets].map(([next, kernel]) => [next, stateOf(kernel)])))
  }

  // Lookaheads of kernel items: spontaneous ones and links along which the others propagate.
  const lookaheads = kernels.map((kernel) => kernel.map(() => new Set<number>()))
  const links: (readonly [state: number, item: number])[][][] = kernels.map((kernel) => kernel.map(() => []))
  const HASH = -2
  const closeLookaheads = (items: (Item & { on: Set<number> })[]): Map<string, Item & { on: Set<number> }> => {
    const table = new Map(items.map((i) => [`${i.production}.${i.dot}`, i]))
    const work = [...items]
    for (let item = work.pop(); item !== undefined; item = work.pop()) {
      const right = rights[item.production]!
      const next = right[item.dot]
      if (next === undefined || isTerminal(next)) continue
      const on = new Set<number>()
      let rest = item.dot + 1
      for (; rest < right.length; rest++) {
        for (const t of first[right[rest]!]!) on.add(t)
        if (!nullable.has(right[rest]!)) break
      }
      if (rest === right.length) for (const t of item.on) on.add(t)
      for (const production of productionsOf.get(next)!) {
        const key = `${production}.0`
        let known = table.get(key)
        if (known === undefined) table.set(key, (known = { production, dot: 0, on: new Set() }))
        const before = known.on.size
        for (const t of on) known.on.add(t)
        if (known.on.size > before || before === 0) work.push(known)
      }
    }
    return table
  }
  kernels.forEach((kernel, s) => {
    kernel.forEach((item, i) => {
      for (const { production, dot, on } of closeLookaheads([{ ...item, on: new Set([HASH]) }]).values()) {
        const next = rights[production]![dot]
        if (next === undefined) continue
        const target = transitions[s]!.get(next)!
        const index = kernels[target]!.findIndex((k) => k.production === production && k.dot === dot + 1)
        for (const t of on) {
          if (t === HASH) links[s]![i]!.push([target, index])
          else lookaheads[target]![index]!.add(t)
        }
      }
    })
  })
  for (let changed = true; changed;) {
    changed = false
    lookaheads.forEach((items, s) => {
      items.forEach((on, i) => {
        for (const [target, index] of links[s]![i]!) {
          const into = lookaheads[target]![index]!
          const before = into.size
          for (const t of on) into.add(t)
          changed ||= into.size > before
        }
      })
    })
  }

  const levels = new Map<number, { level: number; associativity: Precedence["associativity"] }>()
  grammar.precedence.forEach(({ associativity, operators }, level) => {
    for (const operator of operators) levels.set(symbol(operator), { level, associativity })
  })
  const levelOf = (production: number): number | undefined => {
    const { precedence, right } = grammar.productions[production]!
    const name = precedence ?? right.findLast((s) => isTerminal(symbol(s)))
    return name === undefined ? undefined : levels.get(symbol(name))?.level
  }

  const states = kernels.map((kernel, s): State => {
    const actions = new Map<number, number>()
    const gotos = new Map<number, number>()
    let shifts = 0
    for (const [next, target] of transitions[s]!) {
      if (isTerminal(next)) {
        shifts++
        const accepts = next === 0 && kernels[target]!.some((i) => i.production === acceptProduction)
        actions.set(next, accepts ? ACCEPT : target + 1)
      } else gotos.set(next - terminals.length, target)
    }
    const closed = closeLookaheads(kernel.map((item, i) => ({ ...item, on: new Set(lookaheads[s]![i]) })))
    const reductions = [...closed.values()].filter((i) => i.dot === rights[i.production]!.length)
    reductions.sort((a, b) => a.production - b.production)
    if (reductions.length === 1 && shifts === 0) {
      // No lookahead decides anything here, so none is read.
      return { actions, gotos, defaultReduction: reductions[0]!.production }
    }
    const counts = new Map<number, number>()
    for (const { production, on } of reductions) {
      const level = levelOf(production)
      for (const t of on) {
        const shift = actions.get(t)
        const operator = levels.get(t)
        if (shift === undefined) {
          actions.set(t, -production - 1)
          counts.set(production, (counts.get(production) ?? 0) + 1)
        } else if (shift > 0 && level !== undefined && operator !== undefined) {
          const reduce = operator.level < level || (operator.level === level && operator.associativity === "left")
          if (reduce) {
            actions.set(t, -production - 1)
            counts.set(production, (counts.get(production) ?? 0) + 1)
          } else if (operator.level === level && operator.associativity === "none") actions.set(t, 0)
        } else throw new Error(`conflict in state ${s} on ${terminals[t]}`)
      }
    }
    let defaultReduction: number | undefined
    for (const { production } of reductions) {
      if ((counts.get(production) ?? 0) > (counts.get(defaultReduction ?? -1) ?? 0)) defaultReduction = production
    }
    for (const [t, action] of actions) {
      if (action === 0 ? defaultReduction === undefined : action === -(defaultReduction ?? -2) - 1) actions.delete(t)
    }
    return { actions, gotos, defaultReduction }
  })
  return { nonterminals, states }
}

/** Which symbols derive the empty text, and the terminals that each symbol can begin with. */
function firstSets(
  lefts: readonly number[],
  rights: readonly (readonly number[])[],
  isTerminal: (symbol: number) => boolean,
): { readonly nullable: ReadonlySet<number>; readonly first: readonly ReadonlySet<number>[] } {
  const count = 1 + Math.max(...lefts, ...rights.flat())
  const nullable = new Set<number>()
  const first = Array.from({ length: count }, (_, s) => new Set(isTerminal(s) ? [s] : []))
  for (let changed = true; changed;) {
    changed = false
    lefts.forEach((left, p) => {
      if (left < 0) return
      const before = first[left]!.size + nullable.size
      const end = rights[p]!.findIndex((s) => {
        for (const t of first[s]!) first[left]!.add(t)
        return !nullable.has(s)
      })
      if (end < 0) nullable.add(left)
      changed ||= first[left]!.size + nullable.size > before
    })
  }
  return { nullable, first }
}
