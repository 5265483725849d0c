import assert from "node:assert/strict"
import { describe, test } from "node:test"
import fc from "fast-check"
import { parseXml, textOfChild, type XmlElement } from "./xml.ts"

const leaf = (name: string, text = ""): XmlElement => ({ name, text, children: [] })

const READ: readonly [name: string, text: string, element: XmlElement][] = [
  ["nothing in it", "<a/>", leaf("a")],
  ["an end of its own", "<a></a>", leaf("a")],
  ["text", "<a> b  c </a>", leaf("a", "b  c")],
  ["a declaration", '<?xml version="1.0" encoding="UTF-8"?>\n<a>b</a>\n', leaf("a", "b")],
  ["attributes", `<a x="1" y:z='>'><b c="d"/></a>`, { name: "a", text: "", children: [leaf("b")] }],
  ["entities", "<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;&amp;lt;</a>", leaf("a", "<&>\"'A😀&lt;")],
  ["text between elements", "<a>1<b>2</b>3</a>", { name: "a", text: "13", children: [leaf("b", "2")] }],
]
const REFUSED: readonly [name: string, text: string][] = [
  ["nothing", ""],
  ["only text", "a"],
  ["text before", "x<a/>"],
  ["text behind", "<a/>x"],
  ["two elements", "<a/><b/>"],
  ["no end", "<a>"],
  ["another end", "<a></b>"],
  ["an end without a beginning", "</a>"],
  ["ends that cross", "<a><b></a></b>"],
  ["an end with attributes", '<a></a x="1">'],
  ["a tag that does not end", "<a"],
  ["an attribute without quotes", "<a b=c/>"],
  ["a comment", "<a><!-- b --></a>"],
  ["CDATA", "<a><![CDATA[b]]></a>"],
  ["a document type", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
  ["an entity nobody knows", "<a>&b;</a>"],
  ["a lone ampersand", "<a>b & c</a>"],
  ["a character that is none", "<a>&#0;</a>"],
  ["a character beyond the last", "<a>&#x110000;</a>"],
  ["more depth than anything has", `${"<a>".repeat(17)}${"</a>".repeat(17)}`],
  ["HTML", "<!DOCTYPE html><html><body><p>Not found</body></html>"],
]

describe("parseXml", () => {
  for (const [name, text, element] of READ) test(`reads ${name}`, () => assert.deepEqual(parseXml(text), element))
  for (const [name, text] of REFUSED) test(`refuses ${name}`, () => assert.equal(parseXml(text), undefined))

  test("gives any text back", () => {
    const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const element = parseXml(`<a><b>${escape(text)}</b></a>`)
        assert.equal(textOfChild(element!, "b"), text.trim())
      }),
    )
  })

  test("takes time in proportion to what there is to read", () => {
    for (const text of [
      "<".repeat(200_000),
      "<a ".repeat(100_000),
      `<a${' b="c"'.repeat(50_000)}`,
      "&".repeat(200_000),
    ]) {
      assert.equal(parseXml(text), undefined)
    }
  })
})
