import { join } from "node:path"
import { rolldown } from "rolldown"
import { ROOT } from "../toolchain.mjs"

/** The evaluator for pages and workers, in one file with everything in it: `<script type="module">` needs no bundler. */
export async function bundleForBrowsers(): Promise<string> {
  const build = await rolldown({
    input: join(ROOT, "packages", "eval", "src", "index.ts"),
    platform: "browser",
    resolve: { conditionNames: ["source", "browser", "import"] },
  })
  const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false })
  await build.close()
  return output[0].code
}
