import { join } from "node:path"
import { rolldown } from "rolldown"
import { ROOT } from "../toolchain.mjs"

/** The evaluator for pages and workers, in one file with everything in it: `<script type="module">` needs no bundler. */
export function bundleForBrowsers(): Promise<string> {
  return bundle(join(ROOT, "packages", "eval", "src", "index.ts"))
}

/**
 * The module at `path` and all that it imports, for browsers, in one file.
 *
 * @throws if anything would have to be imported that a browser has not, as everything of Node
 */
export async function bundle(path: string): Promise<string> {
  const build = await rolldown({
    input: path,
    platform: "browser",
    resolve: { conditionNames: ["source", "browser", "import"] },
  })
  const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false })
  await build.close()
  const { code, imports, dynamicImports } = output[0]
  const left = [...imports, ...dynamicImports]
  if (left.length > 0) throw new Error(`${path} needs what browsers have not: ${left.join(", ")}`)
  return code
}
