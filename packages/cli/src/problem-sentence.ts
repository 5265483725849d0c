/** What is said of problems that people can do something about, whichever part of the program they come from. */
import { getSystemErrorMessage } from "node:util"

/** The errors of our packages have a problem in them, those of the system the call that failed. */
export function isProblem(error: unknown): error is Error {
  return error instanceof Error && ("problem" in error || "syscall" in error)
}

/** Text. Of errors of the system, such as a full disk that the output goes to, without the symbols. */
export function problemSentence(error: Error): string {
  const { errno, syscall, path: first, dest } = error as NodeJS.ErrnoException & { readonly dest?: string }
  // What a link leads to has no say in whether it can be made.
  const path = syscall === "symlink" ? dest : first
  if (errno === undefined || syscall === undefined || "problem" in error) return error.message
  return `cannot ${syscall}${path === undefined ? "" : ` '${path}'`}: ${getSystemErrorMessage(errno)}`
}
