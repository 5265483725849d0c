import { SourceFile } from "@tvix-ts/syntax"
import assert from "node:assert/strict"
import { test } from "node:test"
import { makeGlobals } from "../builtins/globals.ts"
import { ContextBuilder } from "../coerce.ts"
import { Evaluation } from "../evaluation.ts"
import { printXml, type XmlOptions } from "./xml.ts"

/** What `nix-instantiate --eval --xml` of C++ Nix 2.34.8 prints, and the same with `--strict --no-location`. */
const CASES: readonly (readonly [expression: string, lazy: string, strict: string])[] = [
  [
    '{ a = 1; "b c" = [ (1 + 1) ]; }',
    '<?xml version=\'1.0\' encoding=\'utf-8\'?>\n<expr>\n  <attrs>\n    <attr column="3" line="1" name="a">\n      <int value="1" />\n    </attr>\n    <attr column="10" line="1" name="b c">\n      <unevaluated />\n    </attr>\n  </attrs>\n</expr>\n',
    '<?xml version=\'1.0\' encoding=\'utf-8\'?>\n<expr>\n  <attrs>\n    <attr name="a">\n      <int value="1" />\n    </attr>\n    <attr name="b c">\n      <list>\n        <int value="2" />\n      </list>\n    </attr>\n  </attrs>\n</expr>\n',
  ],
  [
    "[ (x: x) ({ a, b ? 2, ... }@all: a) ({ }: 1) ]",
    "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <list>\n    <unevaluated />\n    <unevaluated />\n    <unevaluated />\n  </list>\n</expr>\n",
    '<?xml version=\'1.0\' encoding=\'utf-8\'?>\n<expr>\n  <list>\n    <function>\n      <varpat name="x" />\n    </function>\n    <function>\n      <attrspat ellipsis="1" name="all">\n        <attr name="a" />\n        <attr name="b" />\n      </attrspat>\n    </function>\n    <function>\n      <attrspat>\n      </attrspat>\n    </function>\n  </list>\n</expr>\n',
  ],
  [
    "let f = x: y: x; in [ (f 1) map (map 1) ]",
    "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <list>\n    <unevaluated />\n    <unevaluated />\n    <unevaluated />\n  </list>\n</expr>\n",
    "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <list>\n    <function>\n      <varpat name=\"y\" />\n    </function>\n    <unevaluated />\n    <unevaluated />\n  </list>\n</expr>\n",
  ],
  [
    '{ type = "derivation"; drvPath = "/d"; outPath = "/o"; x = 1; }',
    '<?xml version=\'1.0\' encoding=\'utf-8\'?>\n<expr>\n  <derivation drvPath="/d" outPath="/o">\n    <attr column="24" line="1" name="drvPath">\n      <string value="/d" />\n    </attr>\n    <attr column="40" line="1" name="outPath">\n      <string value="/o" />\n    </attr>\n    <attr column="3" line="1" name="type">\n      <string value="derivation" />\n    </attr>\n    <attr column="56" line="1" name="x">\n      <int value="1" />\n    </attr>\n  </derivation>\n</expr>\n',
    '<?xml version=\'1.0\' encoding=\'utf-8\'?>\n<expr>\n  <derivation drvPath="/d" outPath="/o">\n    <attr name="drvPath">\n      <string value="/d" />\n    </attr>\n    <attr name="outPath">\n      <string value="/o" />\n    </attr>\n    <attr name="type">\n      <string value="derivation" />\n    </attr>\n    <attr name="x">\n      <int value="1" />\n    </attr>\n  </derivation>\n</expr>\n',
  ],
  [
    '[ { type = "derivation"; drvPath = "/d"; } { type = "derivation"; drvPath = "/d"; } ]',
    "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <list>\n    <unevaluated />\n    <unevaluated />\n  </list>\n</expr>\n",
    '<?xml version=\'1.0\' encoding=\'utf-8\'?>\n<expr>\n  <list>\n    <derivation drvPath="/d">\n      <attr name="drvPath">\n        <string value="/d" />\n      </attr>\n      <attr name="type">\n        <string value="derivation" />\n      </attr>\n    </derivation>\n    <derivation drvPath="/d">\n      <repeated />\n    </derivation>\n  </list>\n</expr>\n',
  ],
  [
    '{ type = "deri" + "vation"; drvPath = "/" + "d"; }',
    "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <derivation>\n    <repeated />\n  </derivation>\n</expr>\n",
    '<?xml version=\'1.0\' encoding=\'utf-8\'?>\n<expr>\n  <derivation drvPath="/d">\n    <attr name="drvPath">\n      <string value="/d" />\n    </attr>\n    <attr name="type">\n      <string value="derivation" />\n    </attr>\n  </derivation>\n</expr>\n',
  ],
  [
    '[ 1.5 null true "<&\\">\\n" /a { } [ ] ]',
    '<?xml version=\'1.0\' encoding=\'utf-8\'?>\n<expr>\n  <list>\n    <float value="1.5" />\n    <null />\n    <bool value="true" />\n    <string value="&lt;&amp;&quot;&gt;&#xA;" />\n    <path value="/a" />\n    <unevaluated />\n    <list>\n    </list>\n  </list>\n</expr>\n',
    '<?xml version=\'1.0\' encoding=\'utf-8\'?>\n<expr>\n  <list>\n    <float value="1.5" />\n    <null />\n    <bool value="true" />\n    <string value="&lt;&amp;&quot;&gt;&#xA;" />\n    <path value="/a" />\n    <attrs>\n    </attrs>\n    <list>\n    </list>\n  </list>\n</expr>\n',
  ],
]

function xml(expression: string, options: XmlOptions): string {
  const evaluation = new Evaluation({}, makeGlobals)
  const value = evaluation.runSync(evaluation.load(new SourceFile("x", expression), "/"))
  return evaluation.runSync(printXml(value, options, new ContextBuilder()))
}

test("values, places and what is not evaluated, as C++ Nix writes them", () => {
  for (const [expression, lazy, strict] of CASES) {
    assert.equal(xml(expression, { strict: false, location: true }), lazy, expression)
    assert.equal(xml(expression, { strict: true, location: false }), strict, expression)
  }
})

test("attributes of files tell which", () => {
  const evaluation = new Evaluation({}, makeGlobals)
  const value = evaluation.runSync(evaluation.load(new SourceFile("/a.nix", "{ x = 1; }"), "/"))
  const written = evaluation.runSync(printXml(value, { strict: true, location: true }, new ContextBuilder()))
  assert.match(written, /<attr column="3" line="1" name="x" path="\/a.nix">/)
})
