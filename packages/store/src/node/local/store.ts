import { join, resolve } from "node:path"
import { openLocalCastore, type LocalCastore, type LocalCastoreOptions } from "@tvix-ts/castore/node"
import { calculatingNarService } from "../../nar/calculate.ts"
import type { Store } from "../../store.ts"
import { openStoreDatabase } from "./database.ts"
import { localNarCache } from "./nar-cache.ts"
import { LocalPathInfoService } from "./path-infos.ts"
import { Roots } from "./roots.ts"

export type LocalStoreOptions = LocalCastoreOptions

export interface LocalStore extends Store {
  /** The folder, as an absolute path. */
  readonly dir: string
  readonly castore: LocalCastore
  readonly pathInfos: LocalPathInfoService
  readonly roots: Roots
  /** Forgets what trees are as archives: most of those that are known may be gone. */
  forgetCalculations(): void
}

/**
 * A store in a folder of this machine, which is made if it is not there. Any number of processes may have it open.
 *
 *     DIR/store.sqlite    path infos, roots, and hashes of Nix archives that are known
 *     DIR/…               the castore
 *
 * @throws {CastoreError} if there is something else, or it is damaged
 */
export function openLocalStore(dir: string, options: LocalStoreOptions = {}): LocalStore {
  const path = join(dir, "store.sqlite")
  const database = openStoreDatabase(path)
  let castore: LocalCastore
  try {
    castore = openLocalCastore(dir, options)
  } catch (error) {
    database.close()
    throw error
  }
  const { blobs, directories } = castore
  const { graceMs } = options
  // Half the time that what was seen is kept, as for what the castore has.
  const pathInfos = new LocalPathInfoService(database, path, graceMs === undefined ? undefined : graceMs / 2)
  return {
    dir: resolve(dir),
    castore: {
      ...castore,
      async startWriting() {
        await castore.startWriting()
        pathInfos.noteUses()
      },
    },
    blobs,
    directories,
    pathInfos,
    roots: new Roots(database, path),
    nar: calculatingNarService({ blobs, directories }, localNarCache(database)),
    forgetCalculations: () => database.exec("DELETE FROM nar_calculations"),
    async close() {
      await pathInfos.close()
      await castore.close()
      if (database.isOpen) database.close()
    },
  }
}
