/** `tvix-store verify` */
import { byteStringOf } from "@tvix-ts/bytes"
import { formatDigest } from "@tvix-ts/castore"
import { formatStorePath } from "@tvix-ts/nix-compat"
import type { StoreFinding } from "@tvix-ts/store/node"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeOut } from "../../output.ts"
import { formatCount } from "../../amounts.ts"
import { localStore } from "../local-store.ts"
import { withStore } from "../session.ts"
import { JSON_OPTION, SHARED_OPTIONS, storeSettings, type StoreSettings } from "../settings.ts"

interface VerifySettings extends StoreSettings {
  repair: boolean
}

const OPTIONS: readonly Option<VerifySettings>[] = [
  {
    names: ["--repair"],
    values: [],
    summary: "forget what is damaged, so that importing or copying it again makes it whole",
    set: (to) => void (to.repair = true),
  },
  JSON_OPTION,
  ...SHARED_OPTIONS,
]

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: VerifySettings = { ...storeSettings(), repair: false }
  const operands = await readOptions(tool, "verify", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "verify", settings, async (opened, { signal, progress }) => {
    if (operands.length > 0) throw new UsageError("verify takes no words")
    const { repair, json } = settings
    const store = localStore(opened, "verify itself")
    const { describeFinding, isNote, verifyStore } = await import("@tvix-ts/store/node")
    const findings: object[] = []
    const counts = { problems: 0, notes: 0, paths: 0 }
    const verification = verifyStore(store, {
      signal,
      repair,
      onProgress: ({ step, done, total }) => progress.steps(`reading ${step}`, done, total),
      onPath: ({ name }) => progress.steps(`reading ${name}`, counts.paths++, undefined),
    })
    for await (const finding of verification) {
      const note = isNote(finding)
      counts[note ? "notes" : "problems"]++
      const message = describeFinding(finding)
      if (json) {
        findings.push({ level: note ? "note" : "problem", ...findingRecord(finding), message })
      } else {
        progress.clear()
        writeOut(byteStringOf(`${note ? "note: " : ""}${message}\n`))
      }
    }
    progress.clear()
    const ok = counts.problems === 0
    if (json) {
      writeOut(`${byteStringOf(JSON.stringify({ ok, repaired: repair && !ok, paths: counts.paths, findings }))}\n`)
    } else {
      const summary = ok ? "nothing is damaged" : formatCount(counts.problems, "problem")
      writeOut(`${formatCount(counts.paths, "path")} verified: ${summary}\n`)
      if (repair && !ok) writeOut("what is damaged is forgotten; import or copy it again\n")
    }
    return ok ? 0 : 1
  })
}

/** What programs may match on. */
function findingRecord(finding: StoreFinding): object {
  switch (finding.code) {
    case "path-info-damaged":
      return { code: finding.code, digest: finding.digest }
    case "castore-damaged": {
      const { finding: inner } = finding
      const what = inner.kind === "pack" ? { name: inner.name } : { digest: formatDigest(inner.digest) }
      return { code: `${inner.kind}-damaged`, ...what }
    }
    case "path-wrong":
    case "tree-damaged":
      return { code: finding.code, path: formatStorePath(finding.path) }
    case "reference-missing":
      return {
        code: finding.code,
        path: formatStorePath(finding.path),
        reference: formatStorePath(finding.reference),
      }
    case "root-missing":
      return { code: finding.code, root: finding.name, path: formatStorePath(finding.path) }
  }
}

export const command: Command = {
  usage: "tvix-store verify [OPTION...]",
  details: `Reads every chunk, directory and path info, and every tree as a Nix archive, and compares their hashes. Exit status: 0 if
nothing is damaged, 1 if something is, repaired or not.

Examples:
  tvix-store verify
  tvix-store verify --repair
  tvix-store verify --json | jq -r '.findings[].message'`,
  options: OPTIONS,
  operands: "none",
  run,
}
