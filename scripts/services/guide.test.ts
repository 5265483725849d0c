/** Runs what docs/guides/stores-s3-postgres.md shows: its blocks that begin with "```sh services", one after the other. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import process from "node:process"
import { after, test } from "node:test"
import { startServices } from "../../packages/castore/src/testing/services.ts"
import { ROOT } from "../toolchain.mjs"

const services = await startServices("s3", "postgres")
after(() => services.stop())
const { endpoint, accessKeyId, secretAccessKey } = services.s3!
const { postgres } = services
const guide = readFileSync(join(ROOT, "docs/guides/stores-s3-postgres.md"), "utf8")
const blocks = [...guide.matchAll(/^```sh services\n([^]*?)^```$/gm)].map(([, block = ""]) => block)

test("the guide's commands do what it says", { skip: postgres?.missing ?? false }, (t) => {
  assert.ok(postgres?.missing === undefined)
  assert.ok(blocks.length > 0)
  const dir = mkdtempSync(join(tmpdir(), "tvix-guide-"))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  const run = spawnSync("bash", ["-euxo", "pipefail", "-c", blocks.join("")], {
    cwd: dir,
    env: {
      ...process.env,
      PATH: `${join(ROOT, "bin")}${delimiter}${process.env["PATH"]}`,
      TVIX_STORE: join(dir, "store"),
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ENDPOINT: endpoint,
      DATABASE: postgres!.address,
    },
    encoding: "utf8",
  })
  assert.equal(run.status, 0, run.stderr)
  assert.match(run.stdout, /carrots|beds/)
  assert.ok(!(run.stdout + run.stderr).includes(secretAccessKey))
})
