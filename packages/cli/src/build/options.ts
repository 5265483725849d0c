/** Options that are the same in our commands that build and in C++ Nix's. */
import type { Option } from "../options.ts"
import type { Settings } from "../settings.ts"

export const KEEP_OPTIONS: readonly Option<Settings>[] = [
  {
    names: ["-k", "--keep-going"],
    values: [],
    summary: "if a build fails, go on with those that do not need it",
    set: (to) => void (to.build.keepGoing = true),
  },
  {
    names: ["-K", "--keep-failed"],
    values: [],
    summary: "keep the folder of a build that fails, and say where it is",
    set: (to) => void (to.build.keepFailed = true),
  },
]

export const checkOption: Option<{ check: boolean }> = {
  names: ["--check"],
  values: [],
  summary: "build once more what is there, and say where what comes out is not the same",
  set: (to) => void (to.check = true),
}

/** @param pathsOf where the words go */
export function sandboxPathOption<S>(pathsOf: (settings: S) => string[]): Option<S> {
  return {
    names: ["--sandbox-path"],
    values: ["PATH[=SOURCE][?]"],
    summary:
      "show builds a path of this machine, or SOURCE there, to read and write as far as they may; with a question mark it " +
      "need not be there; may be given several times",
    set: (to, word) => void pathsOf(to).push(word),
  }
}
