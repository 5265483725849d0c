/** Addresses that are made of addresses. */
import { closeAll } from "../close-all.ts"
import { memoryNarCache } from "../nar/cache.ts"
import { calculatingNarService } from "../nar/calculate.ts"
import type { Store } from "../store.ts"

/** What is at an address: a store, or some services of one. */
export type Pieces = Partial<Store> & Pick<Store, "close">

export const PARTS_FORM = "parts(blobs=A,directories=B,pathinfos=C)"

/** What `parts(…)` names, and what it is in a store. */
const PART_OF = { blobs: "blobs", directories: "directories", pathinfos: "pathInfos" } as const
const NAMES = ["blobs", "directories", "pathinfos"] as const

export function isWhole(pieces: Pieces): pieces is Store {
  return pieces.nar !== undefined && lackingIn(pieces) === ""
}

/** The parts that are not there, for people. */
export function lackingIn(pieces: Pieces): string {
  return NAMES.filter((name) => pieces[PART_OF[name]] === undefined).join(" and no ")
}

/**
 * The store of which each part is at an address of its own. What several parts are to come from is opened once.
 *
 * @param open opens an address
 * @param wrong throws, with what is wrong with the address
 */
export async function openParts(
  address: string,
  open: (address: string) => Promise<Pieces>,
  wrong: (reason: string) => never,
): Promise<Store> {
  const addresses = new Map<string, string>()
  for (const part of innerAddresses(address, wrong)) {
    const match = /^\s*([a-z]+)\s*=([^]*)$/.exec(part) ?? wrong(`its form is '${PARTS_FORM}'`)
    const name = match[1]!
    if (!Object.hasOwn(PART_OF, name)) wrong(`'${name}' is none of ${NAMES.join(", ")}`)
    if (addresses.has(name)) wrong(`'${name}' is there twice`)
    addresses.set(name, match[2]!.trim())
  }
  for (const name of NAMES) if (!addresses.has(name)) wrong(`it does not say where the ${name} are`)
  const opened = new Map<string, Pieces>()
  const piecesWith = async (name: (typeof NAMES)[number]): Promise<Pieces> => {
    const inner = addresses.get(name)!
    const pieces = opened.get(inner) ?? (await open(inner))
    opened.set(inner, pieces)
    if (pieces[PART_OF[name]] === undefined) wrong(`there are no ${name} at the address that it has for them`)
    return pieces
  }
  const close = (): Promise<void> => closeAll(...opened.values())
  try {
    const [forBlobs, forDirectories, forPathInfos] = [
      await piecesWith("blobs"),
      await piecesWith("directories"),
      await piecesWith("pathinfos"),
    ]
    const castore = { blobs: forBlobs.blobs!, directories: forDirectories.directories! }
    // Who has all of a tree is nearest to it.
    const near = forBlobs === forDirectories ? forBlobs.nar : undefined
    const nar = near ?? calculatingNarService(castore, memoryNarCache())
    return { ...castore, pathInfos: forPathInfos.pathInfos!, nar, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What is between the parentheses, and between commas there that are in no other parentheses. */
export function innerAddresses(address: string, wrong: (reason: string) => never): readonly string[] {
  if (!address.endsWith(")")) wrong("its parenthesis is not closed")
  const inner = address.slice(address.indexOf("(") + 1, -1)
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i < inner.length; i++) {
    if (inner[i] === "(") depth++
    else if (inner[i] === ")" && --depth < 0) wrong("a parenthesis is closed that was not opened")
    else if (inner[i] === "," && depth === 0) {
      parts.push(inner.slice(from, i))
      from = i + 1
    }
  }
  if (depth > 0) wrong("a parenthesis is not closed")
  return [...parts, inner.slice(from)]
}
