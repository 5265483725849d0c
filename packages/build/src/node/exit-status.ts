import { constants } from "node:os"
import type { BuildProblem } from "../problem.ts"

const SIGNAL_BASE = 128
const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** Of a command that others started, who say of a signal what shells do: 128 more than its number. */
export function problemOfStatus(status: number): BuildProblem | undefined {
  if (status === 0) return undefined
  const signal = SIGNAL_NAMES.get(status - SIGNAL_BASE)
  return signal === undefined ? { code: "exit", status } : { code: "signal", signal }
}
