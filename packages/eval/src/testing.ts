/** What tests share: programs run as `nix-instantiate` would, so that its answers can be written down beside them. */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { SourceFile } from "@tvix-ts/syntax"
import { makeGlobals } from "./builtins/globals.ts"
import { deeply } from "./deeply.ts"
import { nixText } from "./diagnostics/nix.ts"
import { Evaluation, type EvaluationOptions } from "./evaluation.ts"
import { memoryIo } from "./memory-io.ts"
import { printValue } from "./print/value.ts"
import { Failure } from "./problem.ts"

export interface PrintedOptions extends EvaluationOptions {
  /** Whether everything in the value is evaluated. Default true. */
  readonly strict?: boolean
}

/** What C++ Nix would print for `expression`, the lines of code in a message left out. */
export function printed(expression: string, options: PrintedOptions = {}): string {
  const { strict = true } = options
  const evaluation = new Evaluation({ io: memoryIo({}), system: "x86_64-linux", ...options }, makeGlobals)
  const source = new SourceFile(byteStringOf("«string»"), byteStringOf(expression))
  try {
    const value = evaluation.load(source, "/")
    return textOf(printValue(evaluation.runSync(strict ? deeply(value) : value)))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const text = textOf(nixText(error, { positions: evaluation.positions, showTrace: true }))
    return text.replace(/^ +\d*\| .*\n?|^ +\|.*\^\n?/gm, "")
  }
}
