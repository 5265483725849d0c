/** V8 never optimises a function above 61,440 bytes of its own bytecode; a machine that grows one is slow for good. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { test } from "node:test"
import { fileURLToPath } from "node:url"

const LIMIT = 61_440

test("no function of the machine exceeds the size that V8 still optimises", () => {
  const index = fileURLToPath(new URL("../index.ts", import.meta.url))
  const script = `
    import { Evaluation, makeGlobals } from ${JSON.stringify(index)}
    import { SourceFile } from "@tvix-ts/syntax"
    const world = new Evaluation({}, makeGlobals)
    const text = "let f = { n }@a: rec { x = with a; n; y = [ x ] ++ [ 1 ]; }; in assert f ? x; (f { n = 1; }).x + 1"
    world.runSync(world.load(new SourceFile("test", text), "/"))
  `
  const { stdout } = spawnSync(
    process.execPath,
    // Eagerly compiled, so that functions which the little program does not reach are measured, too.
    ["--conditions=source", "--print-bytecode", "--no-lazy", "--input-type=module", "--eval", script],
    { encoding: "latin1", maxBuffer: 2 ** 30, cwd: fileURLToPath(new URL("../..", import.meta.url)) },
  )
  const sizes = [...stdout.matchAll(/^Bytecode length: (\d+)$/gm)].map(([, size]) => Number(size))
  assert.ok(sizes.length > 300, `only ${sizes.length} functions were seen`)
  assert.ok(Math.max(...sizes) < LIMIT, `the largest has ${Math.max(...sizes)} bytes`)
})
