/** Symbolic links that keep store paths from being collected, as C++ Nix makes them (libstore/indirect-root-store.cc). */
import { makeFolder } from "@tvix-ts/castore/node"
import { readlinkSync, renameSync, symlinkSync, unlinkSync, lstatSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { Failure } from "@tvix-ts/eval"
import { parseStorePath, STORE_DIR } from "@tvix-ts/nix-compat"
import { linkRoot, type Roots } from "@tvix-ts/store/node"

/**
 * Makes one link for each of `storePaths`: `path`, `path-2` … The results are their absolute paths, byte strings.
 *
 * @param roots without them, as for what is not written, nothing is kept
 * @throws {Failure} if something else is in the way
 */
export function addLinks(path: string, storePaths: readonly string[], roots: Roots | undefined): string[] {
  return storePaths.map((storePath, i) => addLink(i === 0 ? path : `${path}-${i + 1}`, storePath, storePath, roots))
}

/**
 * @param target where the store path is on disk, which ends in it
 * @throws {Failure} if something else is in the way
 */
export function addLink(path: string, storePath: string, target: string, roots: Roots | undefined): string {
  const link = resolve(path)
  checkPlace(link)
  // The link first: a root whose link is not there would be taken for one that was removed.
  replaceLink(link, textOf(target))
  roots?.add(linkRoot(link), parseStorePath(storePath))
  return byteStringOf(link)
}

function checkPlace(link: string): void {
  if (!link.isWellFormed()) refuse(`cannot keep a root at "${link}": its name is not UTF-8`)
  if (`${link}/`.startsWith(`${STORE_DIR}/`)) {
    refuse(
      `creating a garbage collector root ("${link}") in the Nix store is forbidden (are you running nix-build inside the store?)`,
    )
  }
  const there = lstatSync(link, { throwIfNoEntry: false })
  if (there === undefined) return
  if (!there.isSymbolicLink() || !readlinkSync(link).includes(`${STORE_DIR}/`)) {
    refuse(`cannot create symlink "${link}"; already exists`)
  }
}

function refuse(message: string): never {
  // oxlint-disable-next-line no-throw-literal -- a Failure is not an Error on purpose
  throw new Failure({ code: "invalid-argument", message: byteStringOf(message) })
}

/** In one step, for whoever looks at it. */
function replaceLink(link: string, target: string): void {
  makeFolder(dirname(link))
  const draft = `${link}.tmp-${process.pid}`
  symlinkSync(target, draft)
  try {
    renameSync(draft, link)
  } catch (error) {
    unlinkSync(draft)
    throw error
  }
}
