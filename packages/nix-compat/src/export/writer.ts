import { runLength, stringLength } from "../nar/words.ts"
import { formatStorePath } from "../store-path.ts"
import { MAGIC, MORE, NO_MORE, type ExportDescription } from "./format.ts"

/** Bytes of a number. */
const NUMBER = 8

/** What stands in front of the archive of each path. */
export function exportBegin(): Uint8Array {
  return new Fields(NUMBER).number(MORE).bytes
}

/** What stands behind it. */
export function exportDescription({ storePath, references, deriver }: ExportDescription): Uint8Array {
  const path = formatStorePath(storePath)
  const others = references.map((reference) => formatStorePath(reference))
  const built = deriver === undefined ? "" : formatStorePath(deriver)
  const fields = new Fields(3 * NUMBER + runLength([path, ...others, built]))
  fields.number(MAGIC).text(path).number(others.length)
  for (const other of others) fields.text(other)
  return fields.text(built).number(NO_MORE).bytes
}

/** What stands behind all of them. */
export function exportEnd(): Uint8Array {
  return new Fields(NUMBER).number(NO_MORE).bytes
}

class Fields {
  readonly bytes: Uint8Array
  #at = 0
  constructor(length: number) {
    this.bytes = new Uint8Array(length)
  }

  number(value: number): this {
    new DataView(this.bytes.buffer).setBigUint64(this.#at, BigInt(value), true)
    this.#at += NUMBER
    return this
  }

  text(text: string): this {
    const at = this.#at
    this.number(text.length)
    for (let i = 0; i < text.length; i++) this.bytes[this.#at + i] = text.charCodeAt(i)
    this.#at = at + stringLength(text.length)
    return this
  }
}
