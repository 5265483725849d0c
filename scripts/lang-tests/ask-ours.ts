/** What our evaluator makes of an expression, in the terms in which C++ Nix is asked about it (ask-oracle.ts). */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { deeply, describe, Evaluation, Failure, makeGlobals, printValue } from "@tvix-ts/eval"
import { nodeIo } from "@tvix-ts/eval/node"
import { SourceFile } from "@tvix-ts/syntax"
import { LANG_TESTS } from "./fixtures.ts"

export type OurAnswer =
  /** As `nix-instantiate --eval --strict` prints it. */
  | { readonly value: string }
  /**
   * `code` is the problem's, or that of the problem of syntax. `line` is 1-based; undefined for a problem without a place,
   * or with one in another file.
   */
  | { readonly error: string; readonly code: string; readonly line: number | undefined }

const ORIGIN = byteStringOf("«string»")
const DIRECTORY = byteStringOf(LANG_TESTS)

/** @param expression one char a byte. @throws what is neither a value nor a problem of the program: a bug of ours. */
export function askOurs(expression: string): OurAnswer {
  const evaluation = new Evaluation(
    {
      io: nodeIo({ env: { TEST_VAR: "foo" } }),
      searchPath: [
        { prefix: "files", path: `${DIRECTORY}/files` },
        { prefix: "", path: `${DIRECTORY}/files/search` },
      ],
      home: "/home/nobody",
      pipeOperators: true,
      system: "x86_64-linux",
    },
    makeGlobals,
  )
  try {
    const root = evaluation.load(new SourceFile(ORIGIN, expression), DIRECTORY)
    return { value: textOf(printValue(evaluation.runSync(deeply(root)))) }
  } catch (failure) {
    if (!(failure instanceof Failure) || failure.problem.code === "internal") throw failure
    const { problem, at } = failure
    const place = evaluation.positions.place(at)
    const line = place?.source.path === ORIGIN ? place.source.position(place.offset).line : undefined
    const code = problem.code === "syntax" ? problem.syntax : problem.code
    return { error: textOf(describe(problem)), code, line }
  }
}
