import { PostgresDatabase, postgresDirectoryService } from "@tvix-ts/castore/node"
import { closeAll } from "../../close-all.ts"
import type { Store } from "../../store.ts"
import { postgresOptions } from "./address.ts"
import { postgresPathInfoService } from "./path-infos.ts"

/** The directories and path infos at an address that begins with `postgres:`. */
export function openPostgresServices(
  url: URL,
  wrong: (reason: string) => never,
): Pick<Store, "close" | "directories" | "pathInfos"> {
  const database = new PostgresDatabase(postgresOptions(url, wrong))
  const directories = postgresDirectoryService(database)
  const pathInfos = postgresPathInfoService(database)
  return { directories, pathInfos, close: () => closeAll(directories, pathInfos) }
}
