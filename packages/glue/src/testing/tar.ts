/** Tape archives for tests, also those that no program would write. */
import { bytesOf, concat } from "@tvix-ts/bytes"

export interface TarPart {
  /** A byte string, as everything here. */
  readonly path: string
  /** The type flag. Default: a file. */
  readonly type?: string
  readonly mode?: number
  readonly contents?: string
  readonly target?: string
  /** What is said of the size, whatever the contents are. */
  readonly size?: number
  readonly sizeField?: string
  readonly prefix?: string
  /** Default: that of POSIX. */
  readonly magic?: string
  readonly checksum?: string
}

const BLOCK = 512

/** One entry: its header, and its contents filled up to whole blocks. */
export function tarPart(part: TarPart): Uint8Array {
  const { path, type = "0", mode = 0o644, contents = "", target = "", prefix = "", magic = "ustar\x0000" } = part
  const size = part.sizeField ?? octal(part.size ?? contents.length, 12)
  const header = new Uint8Array(BLOCK)
  const put = (at: number, text: string): void => header.set(bytesOf(text), at)
  put(0, path.slice(0, 100))
  put(100, octal(mode, 8))
  put(124, size)
  put(136, octal(0, 12))
  put(156, type)
  put(157, target)
  put(257, magic)
  put(345, prefix)
  put(148, " ".repeat(8))
  put(
    148,
    part.checksum ??
      octal(
        header.reduce((sum, byte) => sum + byte, 0),
        7,
      ),
  )
  const padding = new Uint8Array((BLOCK - (contents.length % BLOCK)) % BLOCK)
  return concat([header, bytesOf(contents), padding])
}

/** All of an archive, its end included. */
export function tar(...parts: readonly TarPart[]): Uint8Array {
  return concat([...parts.map(tarPart), new Uint8Array(2 * BLOCK)])
}

/** What pax says of the entry to come: `[["path", "…"]]`. */
export function pax(attributes: readonly (readonly [name: string, value: string])[], type = "x"): TarPart {
  const records = attributes.map(([name, value]) => {
    const rest = ` ${name}=${value}\n`
    let length = rest.length
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length
    return length + rest
  })
  return { path: "pax", type, contents: records.join("") }
}

function octal(number: number, length: number): string {
  return `${number.toString(8).padStart(length - 1, "0")}\0`
}
