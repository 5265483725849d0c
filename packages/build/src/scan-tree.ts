/** Which needles are in a tree: in the contents of files, the names of entries, the targets of links. */
import { bytesOf } from "@tvix-ts/bytes"
import {
  walkNode,
  type BlobService,
  type CallOptions,
  type DirectoryService,
  type Node,
  type TreeSink,
} from "@tvix-ts/castore"
import { NeedleScanner } from "./needles.ts"

/** @returns their indexes, ascending */
export async function scanTree(
  node: Node,
  needles: readonly string[],
  services: { readonly blobs: BlobService; readonly directories: DirectoryService },
  options: CallOptions = {},
): Promise<readonly number[]> {
  const scanner = new NeedleScanner(needles)
  if (needles.length > 0) await walkNode(node, services, new ScanTree(scanner), options)
  return scanner.found
}

/** Has everything scanned that is in an archive of the tree. */
export class ScanTree implements TreeSink {
  readonly #scanner: NeedleScanner
  constructor(scanner: NeedleScanner) {
    this.#scanner = scanner
  }

  file(): void {
    this.#scanner.cut()
  }
  contents(bytes: Uint8Array): void {
    this.#scanner.update(bytes)
  }
  symlink(target: string): void {
    this.#text(target)
  }
  entry(name: string): void {
    this.#text(name)
  }
  directory(): void {}
  endDirectory(): void {}

  #text(text: string): void {
    this.#scanner.cut()
    this.#scanner.update(bytesOf(text))
    this.#scanner.cut()
  }
}
