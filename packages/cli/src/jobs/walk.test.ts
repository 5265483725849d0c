import assert from "node:assert/strict"
import { test } from "node:test"
import { AttrSet, Evaluation, makeGlobals } from "@tvix-ts/eval"
import { SourceFile } from "@tvix-ts/syntax"
import { NO_TWIN } from "./protocol.ts"
import { Walk, type Found } from "./walk.ts"

/** What a walk says of the sets at some paths of `program`, in their order. */
async function walked(program: string, paths: readonly (readonly string[])[]): Promise<Found[]> {
  const evaluation = new Evaluation({}, makeGlobals)
  const root = await evaluation.run(evaluation.load(new SourceFile("test", program), "/"))
  assert.ok(root instanceof AttrSet)
  const walk = new Walk(root, {
    forceRecurse: true,
    depthMax: undefined,
    meta: false,
    inputDerivations: false,
    args: new Map(),
    apply: undefined,
    find: () => assert.fail("nothing here is a derivation"),
  })
  const found: Found[] = []
  for (const path of paths) found.push(await evaluation.run<Found>(walk.look(path)))
  return found
}

test("attributes of sets are told with those that are the same value, unless that is no work", async () => {
  const program = `let
    shared = { x = 1 + 1; empty = [ ]; path = /a; fn = x: x; known = { }; };
    of = set: { inherit (set) x; alias = set; } // set;
  in shared // { a = of shared; b = shared // { x = 2 + 2; }; }`
  const [root, a, b] = await walked(program, [[], ["a"], ["b"]])
  const names = ["a", "b", "empty", "fn", "known", "path", "x"]
  assert.deepEqual(root, { kind: "set", names: { names } })
  assert.deepEqual(a, {
    kind: "set",
    names: { names: ["alias", ...names.slice(2)], twins: [NO_TWIN, NO_TWIN, 3, 4, NO_TWIN, 6] },
  })
  assert.deepEqual(b, {
    kind: "set",
    names: { names: names.slice(2), twins: [NO_TWIN, 3, 4, NO_TWIN, NO_TWIN] },
  })
})
