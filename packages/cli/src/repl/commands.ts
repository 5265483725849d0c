/** The commands of the REPL, one row each: what `:?` lists, what completion offers, what they do. */
import {
  AttrSet,
  Builtin,
  Lambda,
  NixPath,
  NixString,
  PartialBuiltin,
  PartialLambda,
  typeName,
  type Forced,
} from "@tvix-ts/eval"
import { ReplError } from "./error.ts"
import type { Repl } from "./repl.ts"

export interface ReplCommand {
  /** The first is the one that others are called by in texts. */
  readonly names: readonly string[]
  readonly argument?: "EXPR" | "FILE" | "BOOL"
  readonly optional?: boolean
  readonly summary: string
  /** What it gives back does not matter, unless it is "quit". */
  readonly run: (repl: Repl, argument: string) => unknown
}

export const COMMANDS: readonly ReplCommand[] = [
  {
    names: [":?", ":help"],
    summary: "list the commands",
    run: ({ options }) => options.print(help()),
  },
  {
    names: [":a", ":add"],
    argument: "EXPR",
    summary: "add the attributes of a set to the variables",
    run: async (repl, text) => repl.add(await repl.evaluate(text)),
  },
  {
    names: [":b", ":bl"],
    argument: "EXPR",
    summary: "build a derivation",
    run() {
      throw new ReplError("there is nothing to build with yet: this REPL evaluates, and has no store")
    },
  },
  {
    names: [":doc"],
    argument: "EXPR",
    summary: "show the documentation of a function",
    run: async (repl, text) => repl.options.print(`${documentation(await repl.evaluate(text), repl)}\n`),
  },
  {
    names: [":e", ":edit"],
    argument: "EXPR",
    summary: "open a file, or the one a function is defined in, in $EDITOR, and load everything again",
    async run(repl, text) {
      const { path, line } = placeOf(await repl.evaluate(text), repl)
      repl.options.edit(path, line)
      await repl.reload()
    },
  },
  {
    names: [":env"],
    summary: "list the variables bound so far",
    run: ({ scope, options }) =>
      options.print(
        [...scope.keys()]
          .sort()
          .map((name) => `${name}\n`)
          .join(""),
      ),
  },
  {
    names: [":l", ":load"],
    argument: "FILE",
    summary: "load a file and add its attributes to the variables",
    async run(repl, path) {
      repl.evaluation.forgetFiles()
      await repl.loadFile(path)
    },
  },
  {
    names: [":ll", ":last-loaded"],
    summary: "list the variables that were added last",
    run({ lastLoaded, options }) {
      if (lastLoaded === undefined) throw new ReplError("nothing has been loaded yet")
      options.print(lastLoaded.map((name) => `${name}\n`).join(""))
    },
  },
  {
    names: [":p", ":print"],
    argument: "EXPR",
    summary: "evaluate everything and print it; of a string, what it contains",
    async run(repl, text) {
      const value = await repl.evaluate(text)
      const string = value instanceof NixString ? value.bytes : value
      repl.options.print(`${typeof string === "string" ? string : await repl.show(value, Infinity)}\n`)
    },
  },
  { names: [":q", ":quit"], summary: "leave", run: () => "quit" },
  { names: [":r", ":reload"], summary: "load all files again", run: (repl) => repl.reload() },
  {
    names: [":t"],
    argument: "EXPR",
    summary: "say what type a value has",
    run: async (repl, text) => repl.options.print(`${typeName(await repl.evaluate(text))}\n`),
  },
  {
    names: [":te", ":trace-enable"],
    argument: "BOOL",
    optional: true,
    summary: "show the whole chain of what was being evaluated with errors, or not",
    run(repl, text) {
      if (!["", "true", "false"].includes(text)) throw new ReplError(`:te takes true or false, not '${text}'`)
      repl.showTrace = text === "" ? !repl.showTrace : text === "true"
      repl.options.print(`${repl.showTrace ? "" : "not "}showing error traces\n`)
    },
  },
]

function help(): string {
  const rows: (readonly [string, string])[] = [
    ["EXPR", "evaluate an expression and print what it is, one level deep"],
    ["NAME = EXPR", "bind a variable"],
    ...COMMANDS.map(
      ({ names, argument, summary }) => [[names.join(", "), argument].join(" ").trim(), summary] as const,
    ),
  ]
  const width = Math.max(...rows.map(([term]) => term.length)) + 2
  const lines = rows.map(([term, text]) => `  ${term.padEnd(width)}${text}\n`)
  return `${lines.join("")}
Tab completes; an expression that is not finished goes on in the next line; Ctrl-C stops an evaluation, Ctrl-D leaves.
`
}

function documentation(value: Forced, { evaluation: { positions } }: Repl): string {
  if (value instanceof PartialBuiltin) value = value.builtin
  if (value instanceof AttrSet) throw new ReplError("a set has no documentation; name one of its functions")
  if (value instanceof Builtin) {
    const { name, params, doc } = value
    return `Synopsis: builtins.${[name, ...params.map((param) => param.name)].join(" ")}\n\n${doc.trim()}\n`
  }
  const lambda = value instanceof PartialLambda ? value.lambda : value
  if (!(lambda instanceof Lambda)) throw new ReplError(`${typeName(value)} has no documentation`)
  const { name = "lambda", params } = lambda.code
  const place = `Function ${name}\n  \xe2\x80\xa6 defined at ${positions.show(params[0]!.at)}\n`
  const doc = params.find((param) => param.doc !== undefined)?.doc
  return `${place}\n${doc === undefined ? "No documentation found." : unindent(doc)}\n`
}

/** A comment's text without what its lines have in common at their left. */
function unindent(text: string): string {
  const lines = text.replace(/^\s*\n|\s+$/g, "").split("\n")
  const margin = Math.min(...lines.filter((line) => line.trim() !== "").map((line) => line.search(/\S/)))
  return lines.map((line) => line.slice(Number.isFinite(margin) ? margin : 0)).join("\n")
}

function placeOf(value: Forced, { evaluation: { positions } }: Repl): { readonly path: string; readonly line: number } {
  if (value instanceof NixPath) return { path: value.path, line: 0 }
  if (value instanceof NixString || typeof value === "string") {
    return { path: typeof value === "string" ? value : value.bytes, line: 0 }
  }
  const lambda = value instanceof PartialLambda ? value.lambda : value
  const place = lambda instanceof Lambda ? positions.place(lambda.code.params[0]!.at) : undefined
  if (place === undefined || !place.source.path.startsWith("/")) {
    throw new ReplError(`${typeName(value)} is in no file that could be edited`)
  }
  return { path: place.source.path, line: place.source.position(place.offset).line }
}
