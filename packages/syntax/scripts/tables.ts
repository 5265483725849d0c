/** Writes src/gen/tables.ts: run it after a change of src/grammar/rules.ts. A test notices if it was forgotten. */
import { writeFileSync } from "node:fs"
import { tablesModule } from "../src/grammar/pack.ts"

writeFileSync(new URL("../src/gen/tables.ts", import.meta.url), tablesModule())
