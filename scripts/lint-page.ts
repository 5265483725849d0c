/** `npm run lint-page`: writes what docs/guides/lint.md says of each code. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { rulesPage } from "@tvix-ts/eval"
import { ROOT } from "./toolchain.mjs"

const PAGE = join(ROOT, "docs", "guides", "lint.md")
const page = readFileSync(PAGE, "utf8")
const end = page.indexOf("-->\n") + "-->\n".length
writeFileSync(PAGE, `${page.slice(0, end)}\n${rulesPage()}`)
