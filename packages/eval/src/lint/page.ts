import { LINT_CODES, RULES, type Rule } from "./rules.ts"

/** The documentation of all codes: docs/guides/lint.md from its table on. */
export function rulesPage(): string {
  return LINT_CODES.map((code) => {
    const { summary, level, why, bad, good, fixable }: Rule = RULES[code]
    const notes = [
      level === "pedantic" ? "pedantic: only with `--pedantic`" : "",
      fixable === true ? "fixed by `--fix`" : "",
    ]
    const noted = notes.filter((note) => note !== "").join("; ")
    const sentence = `${summary[0]!.toUpperCase()}${summary.slice(1)}.`
    return `### ${code}

${sentence} ${why}${noted === "" ? "" : `\n\n*${noted[0]!.toUpperCase()}${noted.slice(1)}.*`}

\`\`\`nix
${bad}
\`\`\`

Better:

\`\`\`nix
${good}
\`\`\`
`
  }).join("\n")
}
