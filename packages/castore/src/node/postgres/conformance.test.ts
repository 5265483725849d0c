/** The suite of directories, on a PostgreSQL of our own. */
import { after, test } from "node:test"
import { testDirectoryService } from "../../testing/directory-service.ts"
import { startServices } from "../../testing/services.ts"
import { PostgresDatabase } from "./database.ts"
import { postgresDirectoryService } from "./directories.ts"

const services = await startServices("postgres")
after(() => services.stop())
const { postgres } = services
const missing = postgres?.missing

if (missing !== undefined) test("PostgreSQL", { skip: missing }, () => {})
else {
  const host = new URL(postgres!.address).searchParams.get("host")!
  let stores = 0
  testDirectoryService("PostgreSQL", async () => {
    const place = { host, port: 5432, database: "postgres", user: "tests", tls: "none" } as const
    const database = new PostgresDatabase({ ...place, schema: `directories_${stores++}` })
    return { service: postgresDirectoryService(database) }
  })
}
