/**
 * What a local castore is made of:
 *
 *     DIR/castore.sqlite         the index: which chunk is where, which chunks make a blob, the directories themselves
 *     DIR/packs/0badcafe.pack    chunks one after the other and nothing else; only ever appended to
 *     DIR/writers/ID.lock        held by the process that writes under this id; see lock.ts
 *     DIR/writers/collect.lock   held by whoever collects garbage
 */
import { makeFolder } from "../folder.ts"
import { join } from "node:path"

export interface Layout {
  readonly dir: string
  readonly database: string
  readonly packs: string
  readonly writers: string
}

export function layoutOf(dir: string): Layout {
  return {
    dir,
    database: join(dir, "castore.sqlite"),
    packs: join(dir, "packs"),
    writers: join(dir, "writers"),
  }
}

export function makeFolders(layout: Layout): void {
  for (const dir of [layout.packs, layout.writers]) makeFolder(dir)
}

/** Packs are numbered at random, 1 to 2^32 - 1: an index restored from a backup must not meet a file it takes for its own. */
export function packName(id: number): string {
  return `${id.toString(16).padStart(8, "0")}.pack`
}

/** The number of the pack in a file of this name; `undefined` if it is no pack. */
export function packOfName(name: string): number | undefined {
  const digits = /^([0-9a-f]{8})\.pack$/.exec(name)?.[1]
  return digits === undefined ? undefined : parseInt(digits, 16)
}

export function packPath(layout: Layout, id: number): string {
  return join(layout.packs, packName(id))
}

export function lockPath(layout: Layout, writer: string): string {
  return join(layout.writers, `${writer}.lock`)
}
