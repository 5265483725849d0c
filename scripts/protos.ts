/**
 * `npm run protos`: generates packages/protos/src/gen from protos/. With `--check` it writes nothing, and fails if what
 * is there is not what would be generated.
 *
 * Snix, which continues Tvix, has the same services and messages under other names, and reflection has two versions that
 * differ in the name only. Those are derived here, so that each is declared once. Works without a network.
 */
import { execFileSync } from "node:child_process"
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { ROOT } from "./toolchain.mjs"

const GEN = join(ROOT, "packages/protos/src/gen")

/** Files below `from` are written again below `to`, with every occurrence of the one package's name replaced. */
const DERIVED: readonly { readonly from: string; readonly to: string }[] = [
  { from: "tvix/castore", to: "snix/castore" },
  { from: "tvix/store", to: "snix/store" },
  { from: "tvix/build", to: "snix/build" },
  { from: "grpc/reflection/v1", to: "grpc/reflection/v1alpha" },
]

/** Every .proto file that there is, ours and derived ones: path relative to the root of imports -> text. */
export function protoFiles(): Map<string, string> {
  const directory = join(ROOT, "protos")
  const files = new Map<string, string>()
  for (const path of globSync("**/*.proto", { cwd: directory }).sort()) {
    const text = readFileSync(join(directory, path), "utf8")
    files.set(path, text)
    const derived = DERIVED.find(({ from }) => path.startsWith(`${from}/`))
    if (derived !== undefined) files.set(rename(path), rename(text))
  }
  return files
}

function rename(text: string): string {
  return DERIVED.reduce(
    (renamed, { from, to }) =>
      renamed.replaceAll(`${from}/`, `${to}/`).replaceAll(from.replaceAll("/", "."), to.replaceAll("/", ".")),
    text,
  )
}

/** Path relative to the directory of generated code -> text. */
function generate(): Map<string, string> {
  const directory = mkdtempSync(join(tmpdir(), "protos-"))
  try {
    for (const [path, text] of protoFiles()) {
      mkdirSync(join(directory, "protos", dirname(path)), { recursive: true })
      writeFileSync(join(directory, "protos", path), text)
    }
    const { resolve } = createRequire(import.meta.url)
    const template = {
      version: "v2",
      inputs: [{ directory: "protos" }],
      plugins: [
        {
          local: [process.execPath, resolve("@bufbuild/protoc-gen-es/bin/protoc-gen-es")],
          out: "gen",
          opt: ["target=ts", "import_extension=ts", "erasable_syntax=true"],
        },
      ],
    }
    // The package's own launcher finds the program for this platform; `.bin/buf` needs links and a mode that npm may not set.
    const buf = join(dirname(resolve("@bufbuild/buf")), "bin/buf")
    execFileSync(process.execPath, [buf, "generate", "--template", JSON.stringify(template)], {
      cwd: directory,
      stdio: "inherit",
      env: { ...process.env, BUF_CACHE_DIR: join(directory, "cache") },
    })
    return contents(join(directory, "gen"))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function contents(directory: string): Map<string, string> {
  const paths = globSync("**/*.ts", { cwd: directory }).sort()
  return new Map(paths.map((path) => [path, readFileSync(join(directory, path), "utf8")]))
}

if (import.meta.main) {
  const fresh = generate()
  if (process.argv.includes("--check")) {
    const present = contents(GEN)
    const differing = [...new Set([...fresh.keys(), ...present.keys()])].filter(
      (path) => fresh.get(path) !== present.get(path),
    )
    for (const path of differing) console.error(`packages/protos/src/gen/${path} is not what protos/ generates`)
    if (differing.length > 0) console.error("run: npm run protos")
    process.exitCode = differing.length > 0 ? 1 : 0
  } else {
    rmSync(GEN, { recursive: true, force: true })
    for (const [path, text] of fresh) {
      mkdirSync(join(GEN, dirname(path)), { recursive: true })
      writeFileSync(join(GEN, path), text)
    }
    console.log(`${fresh.size} files in packages/protos/src/gen`)
  }
}
