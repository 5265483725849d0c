/** The suite of path infos, on a PostgreSQL of our own. */
import { after, test } from "node:test"
import { PostgresDatabase } from "@tvix-ts/castore/node"
import { testPathInfoService } from "../../testing/path-info-service.ts"
import { startServices } from "../../testing/services.ts"
import { postgresOptions } from "./address.ts"
import { postgresPathInfoService } from "./path-infos.ts"

const services = await startServices("postgres")
after(() => services.stop())
const { postgres } = services

if (postgres?.missing !== undefined) test("PostgreSQL", { skip: postgres.missing }, () => {})
else {
  let stores = 0
  testPathInfoService("PostgreSQL", async () => {
    const url = new URL(`${postgres!.address}&schema=path_infos_${stores++}`)
    const database = new PostgresDatabase(
      postgresOptions(url, (reason) => {
        throw new Error(reason)
      }),
    )
    return { service: postgresPathInfoService(database) }
  })
}
