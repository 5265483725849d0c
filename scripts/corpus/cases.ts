/**
 * The cases of C++ Nix's language corpus, each with the command line, input and expectations that the corpus's own
 * driver (tests/functional/lang.sh of Nix 2.26) gives it.
 */
import { existsSync, globSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"

export type CaseKind = "eval-okay" | "parse-okay" | "eval-fail" | "parse-fail"
export const CASE_KINDS: readonly CaseKind[] = ["eval-okay", "parse-okay", "eval-fail", "parse-fail"]

export interface Case {
  /** `eval-okay-attrs`: the file's name without its ending. */
  readonly name: string
  readonly kind: CaseKind
  /** Arguments for `nix-instantiate`, run where `lang/` is. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The program, where it comes by standard input. */
  readonly stdin: Uint8Array | undefined
  readonly status: 0 | 1
  /** One char a byte. `undefined` where the driver does not look. */
  readonly stdout: string | undefined
  readonly stderr: string | undefined
  /** A shell script that edits what was written, or `undefined`. */
  readonly postprocess: string | undefined
}

/** Every case under `functional/lang`, in order of kind and name. */
export function readCases(functional: string): Case[] {
  const lang = join(functional, "lang")
  return CASE_KINDS.flatMap((kind) =>
    globSync(`${kind}-*.nix`, { cwd: lang })
      .map((file) => basename(file, ".nix"))
      .sort()
      .filter((name) => !existsSync(join(lang, `${name}.exp-disabled`)))
      .map((name) => readCase(lang, kind, name)),
  )
}

function readCase(lang: string, kind: CaseKind, name: string): Case {
  const file = (ending: string): string | undefined => {
    const path = join(lang, `${name}.${ending}`)
    return existsSync(path) ? readFileSync(path, "latin1") : undefined
  }
  const flags = file("flags")?.replaceAll(/#.*/g, "").trim().split(/\s+/)
  const common = { name, kind, postprocess: file("postprocess") }
  const program = `lang/${name}.nix`
  switch (kind) {
    case "parse-fail":
    case "parse-okay":
      return {
        ...common,
        args: ["--parse", "-"],
        env: {},
        stdin: readFileSync(join(lang, `${name}.nix`)),
        status: kind === "parse-okay" ? 0 : 1,
        stdout: kind === "parse-okay" ? (file("exp") ?? "") : undefined,
        stderr: file("err.exp") ?? "",
      }
    case "eval-fail":
      return {
        ...common,
        // The driver's configuration file turns traces on, so a case's own flags can turn them off again.
        args: ["--show-trace", ...(flags ?? ["--eval", "--strict"]), program],
        env: {},
        stdin: undefined,
        status: 1,
        stdout: undefined,
        stderr: file("err.exp") ?? "",
      }
    case "eval-okay": {
      const xml = file("exp.xml")
      if (xml !== undefined) {
        const args = ["--eval", "--xml", "--no-location", "--strict", program]
        return { ...common, args, env: {}, stdin: undefined, status: 0, stdout: xml, stderr: undefined }
      }
      return {
        ...common,
        args: [...(flags ?? []), "--eval", "--strict", program],
        env: { NIX_PATH: "lang/dir3:lang/dir4", HOME: "/fake-home" },
        stdin: undefined,
        status: 0,
        stdout: file("exp") ?? "",
        stderr: file("err.exp") ?? "",
      }
    }
  }
}
