/** What is fuzzed: where inputs come from, and what must hold of any of them. Inputs are byte strings. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "../toolchain.mjs"
import { check } from "./check.ts"
import { checkDerivationText, DERIVATION_DICTIONARY, derivationSeeds } from "./derivations.ts"
import { NIX_DICTIONARY, type Dictionary } from "./mutate.ts"
import { checkTar, TAR_DICTIONARY, tarSeeds } from "./tar.ts"
import { ARCHIVE_DICTIONARY, archiveSeeds, checkArchive, checkRecord, RECORD_DICTIONARY, recordSeeds } from "./store.ts"

interface Target {
  readonly seeds: () => string[]
  readonly dictionary: Dictionary
  /** What is wrong, if anything is. */
  readonly check: (input: string) => string | undefined
}

export const TARGETS = {
  programs: { seeds: programSeeds, dictionary: NIX_DICTIONARY, check },
  archives: { seeds: archiveSeeds, dictionary: ARCHIVE_DICTIONARY, check: checkArchive },
  records: { seeds: recordSeeds, dictionary: RECORD_DICTIONARY, check: checkRecord },
  derivations: { seeds: derivationSeeds, dictionary: DERIVATION_DICTIONARY, check: checkDerivationText },
  tar: { seeds: tarSeeds, dictionary: TAR_DICTIONARY, check: checkTar },
} as const satisfies Readonly<Record<string, Target>>

export type TargetName = keyof typeof TARGETS
export const TARGET_NAMES = Object.keys(TARGETS) as TargetName[]
export function isTargetName(name: string): name is TargetName {
  return Object.hasOwn(TARGETS, name)
}

/** Programs to start from: our own. */
function programSeeds(): string[] {
  return globSync("{lang-tests,examples,bench}/**/*.nix", { cwd: ROOT })
    .sort()
    .map((file) => readFileSync(join(ROOT, file), "latin1"))
    .filter((text) => text.length < 20_000)
}
