/**
 * `npm run build`: what would be published. Every package's `dist/` (JavaScript and declarations, from tsc), the
 * evaluator's browser bundle, then publint over each, and a program that uses them. Built in layer order without the
 * `source` condition, so that a package is checked against the declarations its users will see.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import process from "node:process"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { bundleForBrowsers } from "./browser/bundle.ts"
import { modernNode, ROOT, run } from "./toolchain.mjs"

interface Package {
  readonly name: string
  readonly dir: string
  readonly dependencies: readonly string[]
}

/** The workspace packages, each after those it depends on. */
function packagesInOrder(): Package[] {
  const all = globSync("packages/*/package.json", { cwd: ROOT }).map((path): Package => {
    const { dependencies = {} } = JSON.parse(readFileSync(join(ROOT, path), "utf8"))
    const dir = dirname(path)
    const ours = Object.keys(dependencies).filter((name) => name.startsWith("@tvix-ts/"))
    return { name: basename(dir), dir: join(ROOT, dir), dependencies: ours.map((name) => basename(name)) }
  })
  const ordered: Package[] = []
  const place = (one: Package): void => {
    if (ordered.includes(one)) return
    for (const name of one.dependencies) place(all.find((other) => other.name === name)!)
    ordered.push(one)
  }
  for (const one of all) place(one)
  return ordered
}

function compile({ name, dir }: Package): void {
  const config = join(ROOT, ".cache", "build", `${name}.json`)
  rmSync(join(dir, "dist"), { recursive: true, force: true })
  mkdirSync(dirname(config), { recursive: true })
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(ROOT, "tsconfig.base.json"),
      compilerOptions: {
        customConditions: [],
        noEmit: false,
        declaration: true,
        sourceMap: true,
        lib: ["esnext", "dom"],
        types: ["node"],
        typeRoots: [join(ROOT, "node_modules", "@types")],
        rootDir: join(dir, "src"),
        outDir: join(dir, "dist"),
      },
      include: [join(dir, "src")],
      exclude: ["**/*.test.ts", "**/*.bench.ts", "**/testing/**"].map((pattern) => join(dir, "src", pattern)),
    }),
  )
  run(modernNode(), [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "-p", config])
}

async function lint({ name, dir }: Package): Promise<number> {
  const pkg = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"))
  const { messages } = await publint({ pkgDir: dir, strict: true })
  for (const message of messages) console.error(`publint: ${name}: ${formatMessage(message, pkg) ?? message.code}`)
  return messages.length
}

let problems = 0
for (const one of packagesInOrder()) {
  compile(one)
  if (one.name === "eval") writeFileSync(join(one.dir, "dist", "browser.js"), await bundleForBrowsers())
  problems += await lint(one)
  console.log(`built ${one.name}`)
}
run(modernNode(), [join(ROOT, "scripts", "try-packages.mjs")])
if (problems > 0) process.exitCode = 1
