/** Wider than any indentation in use; C++ Nix starts from the same number. */
const INDENT_MAX = 10_000

/**
 * The text of a documentation comment as `:doc` shows it. `comment` is what the tree has: everything between the opening
 * two stars and the end. Its lines lose the indentation they share, and end in LF whatever the file's line ends.
 */
export function documentationText(comment: string): string {
  if (comment === "") return ""
  // The opening "/**" counts as indentation of the first line.
  const lines = `   ${comment}`.replaceAll(/\r\n?/g, "\n").split("\n")
  const shared = sharedIndentation(lines)
  if (lines.at(-1) === "") lines.pop()
  return lines.map((line) => `${line.slice(shared)}\n`).join("")
}

function sharedIndentation(lines: readonly string[]): number {
  let shared = INDENT_MAX
  lines.forEach((line, i) => {
    const indentation = /^ */.exec(line)![0].length
    if (indentation < line.length) shared = Math.min(shared, indentation)
    // Not what one would expect of a blank line, but what C++ Nix does.
    else if (i < lines.length - 1) shared = Math.max(shared, indentation)
  })
  return shared
}
