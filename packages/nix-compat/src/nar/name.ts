/** What may be in an archive as a name or as the target of a symbolic link. */
import type { NarProblem } from "./problem.ts"

/** Bytes in a name at most: what Linux and macOS take. */
const NAME_LENGTH_MAX = 255
/** Bytes in the target of a symbolic link at most: Linux's PATH_MAX without the NUL. */
export const TARGET_LENGTH_MAX = 4095

const DOT = 0x2e
const SLASH = 0x2f

/** What is wrong with a name that comes after `previous` in a directory. The first name comes after "". */
export function nameProblem(name: string, previous: string): NarProblem | undefined {
  const { length } = name
  const lengthProblem = nameLengthProblem(length)
  if (lengthProblem !== undefined) return lengthProblem
  for (let i = 0; i < length; i++) {
    const code = name.charCodeAt(i)
    if (code === SLASH) return { code: "name-slash", name }
    if (code === 0) return { code: "name-nul", name }
  }
  if (name.charCodeAt(0) === DOT && (name === "." || name === "..")) return { code: "name-dots", name }
  return name > previous ? undefined : { code: "name-order", name, previous }
}
export function nameLengthProblem(length: number): NarProblem | undefined {
  if (length === 0) return { code: "name-empty" }
  return length > NAME_LENGTH_MAX ? { code: "name-too-long", length, lengthMax: NAME_LENGTH_MAX } : undefined
}

export function targetProblem(target: string): NarProblem | undefined {
  return targetLengthProblem(target.length) ?? (target.includes("\0") ? { code: "target-nul", target } : undefined)
}
export function targetLengthProblem(length: number): NarProblem | undefined {
  if (length === 0) return { code: "target-empty" }
  return length > TARGET_LENGTH_MAX ? { code: "target-too-long", length, lengthMax: TARGET_LENGTH_MAX } : undefined
}
