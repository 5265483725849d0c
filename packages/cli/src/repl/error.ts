/** Something is wrong with what was typed, and not with a Nix program. */
export class ReplError extends Error {
  override readonly name = "ReplError"
}
