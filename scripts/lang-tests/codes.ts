/**
 * What C++ Nix says where we report a problem code: `#!` expectations are checked against it, so that they are facts of
 * the language. Tried in order; what no row matches is `invalid-argument`, a builtin's refusal in words of its own.
 */
const CODES: readonly (readonly [code: string, message: RegExp])[] = [
  ["unexpected-token", /^syntax error, unexpected/],
  ["invalid-integer", /^invalid integer/],
  ["invalid-float", /^invalid float/],
  ["null-byte", /cannot be represented as Nix string because it contains null bytes/],
  ["path-trailing-slash", /^path has a trailing slash/],
  ["attribute-already-defined", /^attribute '.*' already defined/],
  ["duplicate-formal", /^duplicate formal function argument/],
  ["dynamic-attribute-in-let", /^dynamic attributes not allowed in let/],
  ["dynamic-attribute-in-inherit", /^dynamic attributes not allowed in inherit/],

  // What every throw in lang-tests/ says that is meant to be seen.
  ["throw", /^looked at/],
  ["type-error", /^expected .* but found /s],
  ["not-a-function", /^attempt to call something which is not a function/],
  ["cannot-coerce", /^cannot coerce .* to a string/s],
  ["cannot-add", /^cannot add /],
  ["cannot-compare", /^cannot compare /],
  ["attribute-missing", /^attribute '.*' missing/s],
  ["undefined-variable", /^undefined variable /],
  ["missing-argument", /called without required argument/],
  ["unexpected-argument", /called with unexpected argument/],
  ["attribute-defined-twice", /^dynamic attribute '.*' already defined/],
  ["integer-overflow", /^integer overflow in /],
  ["division-by-zero", /^division by zero/],
  ["infinite-recursion", /^infinite recursion encountered/],
  ["stack-overflow", /^stack overflow/],
  ["abort", /^evaluation aborted with the following error message/],
  ["assertion-unequal", / is not equal to /],
  ["assertion-failed", /^assertion '.*' failed/s],
  ["string-refers-to-store", /is not allowed to refer to a store path/],
  ["path-append-context", /cannot be appended to a path/],
  ["search-path-missing", /was not found in the Nix search path/],
  ["file-not-found", /^path '.*' does not exist/],
]

export function codeOf(message: string): string {
  return CODES.find(([, pattern]) => pattern.test(message))?.[0] ?? "invalid-argument"
}

/** Codes of ours that share words of C++ Nix with another: whoever reads a file, or a text, words its problems itself. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  "file-not-found": ["io"],
  "null-byte": ["invalid-argument"],
  "invalid-argument": ["io"],
}

/** Whether a problem with `code` may be what C++ Nix says in `message`. The words of `throw` are the program's own. */
export function mayMean(code: string, message: string): boolean {
  const likely = codeOf(message)
  return code === "throw" || code === likely || ALSO[likely]?.includes(code) === true
}
