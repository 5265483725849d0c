/** Zip archives. Their list of contents is at the end, so they have to be on disk. */
import { Readable } from "node:stream"
import { byteStringFrom } from "@tvix-ts/bytes"
import yauzl from "yauzl"
import { archiveProblem, FetchError } from "../../fetch/problem.ts"
import type { TarSink } from "../../fetch/tar-reader.ts"
import type { Content } from "./content.ts"

// What "external attributes" are in archives from Unix, or macOS, which calls itself 19: the mode of the file.
const MADE_BY = new Set([3, 19])
const TYPE = 0o170000
const SYMLINK = 0o120000
const DIRECTORY = 0o040000
const OWNER_EXECUTES = 0o100
/** Bytes of where a symbolic link leads. */
const TARGET_MAX = 4096

/** Tells `sink` what is in the archive. @throws {FetchError} `archive` */
export async function readZip(content: Content, sink: TarSink): Promise<void> {
  const reader = new FileReader(content)
  let zip: yauzl.ZipFile | undefined
  try {
    // Names stay bytes, and nobody changes or judges them before we do.
    const options = { lazyEntries: true, decodeStrings: false, validateEntrySizes: true, autoClose: false }
    zip = await yauzl.fromRandomAccessReaderPromise(reader, content.size, options)
    for await (const entry of zip.eachEntry()) await readEntry(zip, entry, sink)
  } catch (error) {
    if (error instanceof FetchError) throw error
    throw archiveProblem(`damaged zip archive: ${error instanceof Error ? error.message : String(error)}`, error)
  } finally {
    zip?.close()
  }
}

async function readEntry(zip: yauzl.ZipFile, entry: yauzl.Entry, sink: TarSink): Promise<void> {
  const path = byteStringFrom(entry.fileNameRaw)
  const { uncompressedSize: size } = entry
  if (entry.isEncrypted()) throw archiveProblem(`'${path}' is encrypted`)
  const mode = MADE_BY.has(entry.versionMadeBy >> 8) ? entry.externalFileAttributes >>> 16 : 0
  const executable = (mode & OWNER_EXECUTES) !== 0
  const described = { path, executable, target: "", size: 0 }
  if (path.endsWith("/") || (mode & TYPE) === DIRECTORY) return sink.entry({ ...described, type: "directory" })
  const stream = await zip.openReadStreamPromise(entry)
  if ((mode & TYPE) === SYMLINK) {
    if (size > TARGET_MAX) throw archiveProblem(`the link '${path}' has ${size} bytes`)
    let target = ""
    for await (const piece of stream) target += byteStringFrom(piece as Uint8Array)
    return sink.entry({ ...described, type: "symlink", target })
  }
  sink.entry({ ...described, type: "file", size })
  for await (const piece of stream) await sink.contents(piece as Uint8Array)
  sink.endFile()
}

class FileReader extends yauzl.RandomAccessReader {
  private readonly content: Content

  constructor(content: Content) {
    super()
    this.content = content
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(rangeOf(this.content, start, end), { objectMode: false })
  }
}

const PIECE = 64 * 1024

async function* rangeOf({ file }: Content, start: number, end: number): AsyncGenerator<Uint8Array, void> {
  for (let at = start; at < end;) {
    const buffer = new Uint8Array(Math.min(PIECE, end - at))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
