import type { Position } from "./positions.ts"
import { Lambda, PartialLambda } from "./value.ts"

/** Where the parameter that comes next of a function of the program stands; undefined for anything else. */
export function functionPlace(fn: unknown): Position | undefined {
  if (fn instanceof Lambda) return fn.code.params[0]!.at
  return fn instanceof PartialLambda ? fn.lambda.code.params[fn.args.length]!.at : undefined
}
