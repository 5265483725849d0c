import type { Position } from "../../positions.ts"
import { assertEqual, equal } from "../../equality.ts"
import { Failure } from "../../problem.ts"
import type { Forced } from "../../value.ts"
import type { Binder, SlotToFill } from "../binder.ts"
import type { Exec, Result } from "../code.ts"
import { fillSlot, type Frame } from "../frame.ts"
import { failAs, failWith, pause, runTask, type Continuation } from "../machine.ts"
import type { LazyOperand } from "../operand.ts"

function notABoolean(found: Forced, at: Position, context: string): undefined {
  return failAs(new Failure({ code: "type-error", expected: "a Boolean", found }, at).traced(at, context))
}

const CONDITION = "while evaluating a branch condition"
export function bindIf(b: Binder): Exec {
  const at = b.position()
  const condition = b.expr()
  const consequence = b.expr()
  const alternative = b.expr()
  return (frame) => {
    const value = condition(frame)
    if (value === true) return consequence(frame)
    if (value === false) return alternative(frame)
    return value === undefined ? pause(IF, frame, consequence, alternative, at) : notABoolean(value, at, CONDITION)
  }
}
const IF: Continuation = {
  name: "if",
  resume: ({ a: frame, b: consequence, c: alternative, d: at }, value) =>
    typeof value === "boolean" ? (value ? consequence(frame) : alternative(frame)) : notABoolean(value, at, CONDITION),
  trace: ({ d: at }, failure) => failure.traced(at, CONDITION),
}

const ARGUMENT_OF_NOT = "in the argument of the not operator"
export function bindNot(b: Binder): Exec {
  const at = b.position()
  const operand = b.expr()
  return (frame) => {
    const value = operand(frame)
    if (typeof value === "boolean") return !value
    return value === undefined ? pause(NOT, at) : notABoolean(value, at, ARGUMENT_OF_NOT)
  }
}
const NOT: Continuation = {
  name: "not",
  resume: ({ a: at }, value) => (typeof value === "boolean" ? !value : notABoolean(value, at, ARGUMENT_OF_NOT)),
  trace: ({ a: at }, failure) => failure.traced(at, ARGUMENT_OF_NOT),
}

/** `&&`, `||` and `->`: if the left operand is `decisive`, the result is known without the right one. */
function bindJunction(name: string, decisive: boolean, result: boolean): (b: Binder) => Exec {
  const leftContext = `in the left operand of the ${name} operator`
  const rightContext = `in the right operand of the ${name} operator`
  const checked = (value: Forced, at: Position): Result =>
    typeof value === "boolean" ? value : notABoolean(value, at, rightContext)
  const goOn = (frame: Frame, right: Exec, at: Position): Result => {
    const value = right(frame)
    if (typeof value === "boolean") return value
    return value === undefined ? pause(RIGHT, at) : notABoolean(value, at, rightContext)
  }
  const RIGHT: Continuation = {
    name: "junction-right",
    resume: ({ a: at }, value) => checked(value, at),
    trace: ({ a: at }, failure) => failure.traced(at, rightContext),
  }
  const LEFT: Continuation = {
    name: "junction-left",
    resume: ({ a: frame, b: right, c: at }, value) => {
      if (typeof value !== "boolean") return notABoolean(value, at, leftContext)
      return value === decisive ? result : goOn(frame, right, at)
    },
    trace: ({ c: at }, failure) => failure.traced(at, leftContext),
  }
  return (b) => {
    const at = b.position()
    const left = b.expr()
    const right = b.expr()
    return (frame) => {
      const value = left(frame)
      if (value === decisive) return result
      if (value === !decisive) return goOn(frame, right, at)
      return value === undefined ? pause(LEFT, frame, right, at) : notABoolean(value, at, leftContext)
    }
  }
}
export const bindAnd = bindJunction("AND (&&)", false, false)
export const bindOr = bindJunction("OR (||)", true, true)
export const bindImplies = bindJunction("IMPL (->)", false, true)

// ---------------------------------------------------------------------------------------------- assert

const ASSERTION = "in the condition of the assert statement"
export function bindAssert(b: Binder): Exec {
  const at = b.position()
  const expression = b.text()
  const condition = b.expr()
  const body = b.expr()
  const site: AssertSite = { at, expression, body }
  return (frame) => {
    const value = condition(frame)
    if (value === true) return body(frame)
    return value === undefined ? pause(ASSERT, site, frame) : assertionFailed(site, value)
  }
}
interface AssertSite {
  readonly at: Position
  readonly expression: () => string
  readonly body: Exec
}
function assertionFailed({ at, expression }: AssertSite, value: Forced): undefined {
  if (value !== false) return notABoolean(value, at, ASSERTION)
  return failWith({ code: "assertion-failed", expression: expression() }, at)
}
const ASSERT: Continuation = {
  name: "assert",
  resume: ({ a: site, b: frame }, value) => (value === true ? site.body(frame) : assertionFailed(site, value)),
  trace: ({ a: site }, failure) => failure.traced(site.at, ASSERTION),
}

/** `assert a == b; body`, whose failure tells where the two differ. */
export function bindAssertEqual(b: Binder): Exec {
  const at = b.position()
  const expression = b.text()
  const left = b.expr()
  const right = b.expr()
  const site: AssertEqualSite = { at, expression, right, body: b.expr() }
  return (frame) => {
    const value = left(frame)
    return value === undefined ? pause(ASSERT_LEFT, site, frame) : assertRight(site, frame, value)
  }
}
interface AssertEqualSite extends AssertSite {
  readonly right: Exec
}
function assertRight(site: AssertEqualSite, frame: Frame, left: Forced): Result {
  const right = site.right(frame)
  return right === undefined ? pause(ASSERT_RIGHT, site, frame, left) : compareAsserted(site, frame, left, right)
}
function compareAsserted(site: AssertEqualSite, frame: Frame, left: Forced, right: Forced): Result {
  const same = equal(left, right)
  if (same === true) return site.body(frame)
  return same === undefined ? pause(ASSERT_COMPARED, site, frame, left, right) : explain(site, left, right)
}
function explain(site: AssertEqualSite, left: Forced, right: Forced): Result {
  const result = runTask(assertEqual(left, right))
  return result === undefined ? pause(ASSERT_EXPLAINED, site) : assertionFailed(site, false)
}
const inCondition = (site: AssertSite, failure: Failure): Failure => failure.traced(site.at, ASSERTION)
const ASSERT_LEFT: Continuation = {
  name: "assert-left",
  resume: ({ a: site, b: frame }, left) => assertRight(site, frame, left),
  trace: ({ a: site }, failure) => inCondition(site, failure),
}
const ASSERT_RIGHT: Continuation = {
  name: "assert-right",
  resume: ({ a: site, b: frame, c: left }, right) => compareAsserted(site, frame, left, right),
  trace: ({ a: site }, failure) => inCondition(site, failure),
}
const ASSERT_COMPARED: Continuation = {
  name: "assert-compared",
  resume: ({ a: site, b: frame, c: left, d: right }, same) =>
    same === true ? site.body(frame) : explain(site, left, right),
  trace: ({ a: site }, failure) => inCondition(site, failure),
}
const ASSERT_EXPLAINED: Continuation = {
  name: "assert-explained",
  resume: ({ a: site }) => assertionFailed(site, false),
  trace: ({ a: site }, failure) =>
    failure.problem.code === "assertion-unequal"
      ? failure.traced(site.at, `while evaluating the condition of the assertion '${site.expression()}'`)
      : failure,
}

// ---------------------------------------------------------------------------------------------- let

export function bindLet(b: Binder): Exec {
  const fills = b.many((): Fill => ({ to: b.slotToFill(), lazy: b.lazy() }))
  const body = b.expr()
  const [first] = fills
  if (first !== undefined && fills.length === 1) {
    const { to, lazy } = first
    return (frame) => {
      fillSlot(frame, to.count, to.slot, lazy.of(frame))
      return body(frame)
    }
  }
  return (frame) => {
    for (let i = 0; i < fills.length; i++) {
      const { to, lazy } = fills[i]!
      fillSlot(frame, to.count, to.slot, lazy.of(frame))
    }
    return body(frame)
  }
}
interface Fill {
  readonly to: SlotToFill
  readonly lazy: LazyOperand
}
