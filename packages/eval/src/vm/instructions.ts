/** What binds each instruction: the compiler refuses this table if one is missing. */
import { OPS } from "../compiler/opcodes.ts"
import type { Binder, Binders, BinderTable } from "./binder.ts"
import type { Exec } from "./code.ts"
import * as arithmetic from "./instructions/arithmetic.ts"
import { bindCall } from "./instructions/calls.ts"
import * as control from "./instructions/control.ts"
import * as select from "./instructions/select.ts"
import * as sets from "./instructions/sets.ts"
import * as strings from "./instructions/strings.ts"
import * as variables from "./instructions/variables.ts"

const table: BinderTable = {
  constant: variables.bindConstant,
  global: variables.bindGlobal,
  variable: variables.bindVariable,
  "with-variable": variables.bindWithVariable,
  lambda: variables.bindLambda,
  position: variables.bindPosition,
  nested: variables.bindNested,
  select: select.bindSelect,
  "select-path": select.bindSelectPath,
  "select-or": select.bindSelectOr,
  "has-attr": select.bindHasAttr,
  list: sets.bindList,
  attrs: sets.bindAttrs,
  dynamic: sets.bindDynamic,
  overrides: sets.bindOverrides,
  concat: sets.bindConcat,
  update: sets.bindUpdate,
  let: control.bindLet,
  if: control.bindIf,
  assert: control.bindAssert,
  "assert-equal": control.bindAssertEqual,
  not: control.bindNot,
  and: control.bindAnd,
  or: control.bindOr,
  implies: control.bindImplies,
  equal: arithmetic.bindEqual,
  unequal: arithmetic.bindUnequal,
  less: arithmetic.bindLess,
  "not-less": arithmetic.bindNotLess,
  subtract: arithmetic.bindSubtract,
  multiply: arithmetic.bindMultiply,
  divide: arithmetic.bindDivide,
  add: strings.bindAdd,
  interpolate: strings.bindInterpolate,
  "interpolate-path": strings.bindInterpolatePath,
  call: bindCall,
}

export const binders: Binders = OPS.map(
  (op) => (table as Readonly<Record<string, (b: Binder) => Exec>>)[op] ?? misplaced,
)

/** Where something has to be evaluated stands what only is an operand. */
function misplaced(): never {
  throw new RangeError("a unit is damaged: it has an operand for an instruction")
}
