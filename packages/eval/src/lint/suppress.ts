import type { SourceFile } from "@tvix-ts/syntax"
import type { Finding } from "./finding.ts"

/**
 * Comments that silence the linter:
 *
 *     x = import /etc/x;  # tvix-lint: allow absolute-path
 *     # tvix-lint: allow absolute-path, unused-let
 *     y = import /etc/y;
 *     # tvix-lint: allow-file short-path
 *
 * for the line they are on, the line below if they are alone on theirs, or the whole file. The findings left.
 */
export function withoutSuppressed(findings: readonly Finding[], source: SourceFile): Finding[] {
  const everywhere = new Set<string>()
  const byLine = new Map<number, Set<string>>()
  for (const match of source.text.matchAll(
    /(?:#|\/\*)[ \t]*tvix-lint:[ \t]*allow(-file)?[ \t]+([a-z-]+(?:[ \t]*,[ \t]*[a-z-]+)*)/g,
  )) {
    const codes = match[2]!.split(",").map((code) => code.trim())
    const { line, column } = source.position(match.index)
    const alone =
      source
        .line(line)!
        .slice(0, column - 1)
        .trim() === ""
    const at = alone ? line + 1 : line
    if (match[1] === undefined && !byLine.has(at)) byLine.set(at, new Set())
    for (const code of codes) (match[1] === undefined ? byLine.get(at)! : everywhere).add(code)
  }
  if (everywhere.size === 0 && byLine.size === 0) return [...findings]
  return findings.filter(({ code, from }) => {
    if (code === "syntax" || code === "undefined-variable") return true
    return !everywhere.has(code) && byLine.get(source.position(from).line)?.has(code) !== true
  })
}
