import type { Code, Result } from "./code.ts"
import type { Frame } from "./frame.ts"
import { NATIVE_FRAMES, pause, vm, type Continuation } from "./machine.ts"

/** Runs `code` where it stands, instead of through a thunk. */
export function runCode(code: Code, frame: Frame): Result {
  if ((vm.depth += code.height) > NATIVE_FRAMES) return pause(RUN, code, frame)
  const result = code.run(frame)
  if (result !== undefined) vm.depth -= code.height
  return result
}
const RUN: Continuation = { name: "run", resume: ({ a: code, b: frame }) => code.run(frame) }
