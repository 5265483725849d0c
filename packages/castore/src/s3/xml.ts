/**
 * As much of XML 1.0 as S3 answers with: elements, text, the five named entities and numbered ones. Attributes are skipped;
 * comments, CDATA, processing instructions and document types are refused, as nothing of S3 has them.
 */
export interface XmlElement {
  readonly name: string
  /** Of itself, without that of the elements in it; white space around it is gone. */
  readonly text: string
  readonly children: readonly XmlElement[]
}

/** Elements inside each other: S3's lists have 4. */
const DEPTH_MAX = 16

const DECLARATION = /^\uFEFF?\s*<\?xml\s[^<>]*\?>/
const TAG = /<(\/?)([A-Za-z_][A-Za-z0-9_.:-]*)((?:\s+[A-Za-z_][A-Za-z0-9_.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y
const ENTITY = /&(?:#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6})|(amp|lt|gt|quot|apos));|&/g
const NAMED = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" } as const

/** @returns the outermost element; `undefined` for what is no such document */
export function parseXml(document: string): XmlElement | undefined {
  let at = DECLARATION.exec(document)?.[0].length ?? 0
  const open: { readonly name: string; text: string; readonly children: XmlElement[] }[] = []
  let root: XmlElement | undefined
  while (at < document.length) {
    const tag = document.indexOf("<", at)
    const text = decodeText(document.slice(at, tag < 0 ? document.length : tag))
    const inner = open.at(-1)
    if (text === undefined || (inner === undefined && text.trim() !== "")) return undefined
    if (inner !== undefined) inner.text += text
    if (tag < 0) break
    TAG.lastIndex = tag
    const match = TAG.exec(document)
    if (match === null) return undefined
    at = TAG.lastIndex
    const [, closing, name = "", attributes, empty] = match
    if (closing === "/") {
      const ended = open.pop()
      if (ended?.name !== name || attributes !== "" || empty === "/") return undefined
      root = place({ name, text: ended.text.trim(), children: ended.children }, open, root)
    } else {
      // There is one outermost element.
      if (root !== undefined || open.length === DEPTH_MAX) return undefined
      if (empty === "/") root = place({ name, text: "", children: [] }, open, root)
      else open.push({ name, text: "", children: [] })
    }
  }
  return open.length === 0 ? root : undefined
}

/** The text of the first element with this name in another. */
export function textOfChild(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text
}

function place(
  element: XmlElement,
  open: readonly { readonly children: XmlElement[] }[],
  root: XmlElement | undefined,
): XmlElement | undefined {
  const parent = open.at(-1)
  if (parent === undefined) return element
  parent.children.push(element)
  return root
}

function decodeText(text: string): string | undefined {
  let wrong = false
  const decoded = text.replace(ENTITY, (_, decimal?: string, hex?: string, name?: keyof typeof NAMED) => {
    if (name !== undefined) return NAMED[name]
    const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal)
    if (code > 0 && code <= 0x10ffff) return String.fromCodePoint(code)
    wrong = true
    return ""
  })
  return wrong ? undefined : decoded
}
