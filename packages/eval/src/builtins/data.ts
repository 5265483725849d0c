/** Values to text and back: JSON, TOML and XML. */
import { attrsFrom } from "../attrs.ts"
import { ContextBuilder } from "../coerce.ts"
import { parseJson, type JsonBuilder } from "../json/parser.ts"
import { JsonError } from "../json/problem.ts"
import { printJson } from "../print/json.ts"
import { printXml } from "../print/xml.ts"
import { fail, Failure } from "../problem.ts"
import { parseToml, type TomlBuilder } from "../text/toml/parser.ts"
import { TomlError } from "../text/toml/problem.ts"
import { NixFloat, type Forced } from "../value.ts"
import { any, builtin, plainString } from "./define.ts"

const VALUES: JsonBuilder<Forced> = {
  null: () => null,
  boolean: (value) => value,
  integer: (value) => value,
  float: (value) => new NixFloat(value),
  string: (value) => value,
  list: (values) => values,
  set: (values) => attrsFrom(values),
}

const TOML_VALUES: TomlBuilder<Forced> = {
  ...VALUES,
  timestamp: (value) =>
    attrsFrom([
      ["_type", "timestamp"],
      ["value", value],
    ]),
}

export const dataBuiltins = [
  builtin({
    name: "toJSON",
    params: [any("e")],
    doc:
      "A value as JSON. A set with `__toString` or `outPath` is written as that string; paths are copied to the store. " +
      '`toJSON { a = [ 1 null ]; }` is `"{\\"a\\":[1,null]}"`.',
    *run(value) {
      const context = new ContextBuilder()
      return context.string((yield printJson(value, { strict: true, copyToStore: true }, context)) as string)
    },
  }),
  builtin({
    name: "fromJSON",
    params: [plainString("e")],
    doc: 'The value a JSON text describes: `fromJSON "[1, null]"` is `[ 1 null ]`.',
    run(text) {
      try {
        return parseJson(text, VALUES)
      } catch (error) {
        if (!(error instanceof JsonError)) throw error
        const failure = new Failure({ code: "invalid-argument", message: error.message })
        const { code } = error.problem
        const isSyntax = code === "json-syntax" || code === "json-float-overflow"
        throw isSyntax ? failure.traced(0, "while decoding a JSON string") : failure
      }
    },
  }),
  builtin({
    name: "fromTOML",
    global: "name",
    params: [plainString("e", "while evaluating the argument passed to builtins.fromTOML")],
    doc: 'The set a TOML text describes: `fromTOML "[a]\nb = 1"` is `{ a = { b = 1; }; }`. Dates are refused, unless the evaluation was told to read them.',
    run(text) {
      try {
        return parseToml(text, TOML_VALUES, this.options.tomlTimestamps === true)
      } catch (error) {
        if (!(error instanceof TomlError)) throw error
        return fail({ code: "invalid-argument", message: `while parsing TOML: ${error.message}` })
      }
    },
  }),
  builtin({
    name: "toXML",
    params: [any("e")],
    doc: "A value as an XML document, for style sheets and other tools. Functions show their parameters only.",
    *run(value) {
      const context = new ContextBuilder()
      return context.string((yield printXml(value, { strict: true, location: false }, context)) as string)
    },
  }),
]
