/**
 * The instruction set. This file is the only place an instruction is declared: the compiler, the disassembler and the
 * binder's completeness check all read {@link instructions}.
 *
 * Code is a sequence of 32-bit words in prefix order: an instruction's word, its immediate operands, then its
 * operand expressions, each an instruction in turn. So a subexpression is where it is used, no registers or stack
 * heights have to be computed, and the binder (vm/bind.ts) makes one function of an instruction by binding its operands
 * first. Offsets and indices are relative to the unit, so that a unit can be written to disk as it is.
 */

/**
 * What follows an instruction word:
 * - `constant`, `name`, `shape`, `code`: an index into that table of the unit
 * - `at`: a byte offset into the source, or -1
 * - `slot`: two words: the code whose frame it is in, and the slot's index there
 * - `expr`: an instruction, evaluated when its turn comes
 * - `lazy`: an instruction of the lazy group: yields a value without evaluating anything
 * - `text`: two words: from where to where an expression stands in the source, for messages
 * - `step`: a name's index; or -1, its `text`, its `at` and an `expr` that computes it
 * - `{ many }`: a count, then so many times the given operands
 */
export type Operand = "constant" | "name" | "shape" | "code" | "at" | "slot" | "text" | "expr" | "lazy" | "step" | Many
export interface Many {
  readonly many: readonly Operand[]
}
const many = (...operands: Operand[]): Many => ({ many: operands })

export interface Instruction {
  readonly operands: readonly Operand[]
  readonly doc: string
}
const row = (doc: string, ...operands: Operand[]): Instruction => ({ doc, operands })

export const instructions = {
  constant: row("a value of the constant table", "constant"),
  global: row("a variable of the outermost scope", "name"),
  variable: row("the variable in a slot, forced", "slot", "at"),
  "with-variable": row("the variable in the innermost `with` that has it", "name", "at", many("slot", "at")),
  select: row("subject.name", "name", "at", "expr"),
  "select-path": row("subject.path…; a step is a name, or -1 and an expression", "at", "expr", many("step")),
  "select-or": row("subject.path… or fallback", "at", "expr", "expr", many("step")),
  "has-attr": row("subject ? path…", "at", "expr", many("step")),
  list: row("[ items… ]", many("lazy")),
  attrs: row("a set of this shape with these values", "shape", many("lazy")),
  dynamic: row("set, with more attributes whose names are computed", "expr", many("expr", "at", "lazy")),
  overrides: row(
    "rec set after its slots were replaced from `__overrides`",
    "slot",
    "at",
    many("name", "slot"),
    "expr",
  ),
  let: row("body, after filling slots", many("slot", "lazy"), "expr"),
  if: row("if condition then a else b", "at", "expr", "expr", "expr"),
  assert: row("assert condition; body. The text is the condition's", "at", "text", "expr", "expr"),
  "assert-equal": row("assert a == b; body", "at", "text", "expr", "expr", "expr"),
  not: row("!a", "at", "expr"),
  and: row("a && b", "at", "expr", "expr"),
  or: row("a || b", "at", "expr", "expr"),
  implies: row("a -> b", "at", "expr", "expr"),
  equal: row("a == b", "expr", "expr"),
  unequal: row("a != b", "expr", "expr"),
  less: row("a < b", "at", "expr", "expr"),
  "not-less": row("!(a < b)", "at", "expr", "expr"),
  add: row("a + b, with the places of a, b and the whole", "at", "at", "at", "expr", "expr"),
  subtract: row("a - b", "at", "expr", "expr"),
  multiply: row("a * b", "at", "expr", "expr"),
  divide: row("a / b", "at", "expr", "expr"),
  concat: row("a ++ b", "at", "expr", "expr"),
  update: row("a // b, with the places of a and b (-2: errors in it get no trace)", "at", "at", "expr", "expr"),
  interpolate: row('"…${a}…"', "at", many("at", "expr")),
  "interpolate-path": row("./…${a}…", "at", many("at", "expr")),
  lambda: row("a function", "code"),
  call: row("fn args…", "at", "expr", many("lazy")),
  position: row("__curPos", "at"),
  nested: row("an expression too deep to be bound with the rest of its code", "code"),
  "lazy-constant": row("a constant", "constant"),
  "lazy-global": row("a variable of the outermost scope", "name"),
  "lazy-slot": row("what is in a slot, unforced", "slot"),
  thunk: row("a thunk", "code"),
} as const satisfies Readonly<Record<string, Instruction>>

export type Op = keyof typeof instructions

/** By their words. */
export const OPS = Object.keys(instructions) as readonly Op[]
export const WORDS = Object.fromEntries(OPS.map((op, word) => [op, word])) as Readonly<Record<Op, number>>
