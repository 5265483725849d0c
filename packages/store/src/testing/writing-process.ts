/**
 * A process that writes until it is killed: `node writing-process.ts ADDRESS SEED`. Prints the digest of each store path when
 * it is promised to be there.
 */
import process from "node:process"
import { storeTree } from "../import.ts"
import { openStore } from "../node/open.ts"
import { directory, file, noise, produce } from "./trees.ts"

const [address = "", seed = ""] = process.argv.slice(2)
const store = await openStore(address)
for (let i = 0; ; i++) {
  const first = Number(seed) * 10_000 + i * 10
  const small = Array.from({ length: 12 }, (_, n) => [`small-${10 + n}`, file(noise(500 + 97 * n, first + n))] as const)
  const below = directory({ ...Object.fromEntries(small), same: file("in every tree") })
  const tree = directory({ below, large: file(noise(900_000, first)) })
  const { storePath } = await storeTree((sink) => produce(tree, sink), store, { name: `tree-${seed}-${i}` })
  process.stdout.write(`${storePath.digest}\n`)
}
