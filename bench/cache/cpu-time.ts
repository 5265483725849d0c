import { readFileSync } from "node:fs"

/** Of `sysconf(_SC_CLK_TCK)`, which is the same wherever Linux runs. */
const TICKS_PER_SECOND = 100

/** Seconds that a process and its children have run, in user and system mode (proc(5), `stat`). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)!.split(" ")
  // The fourteenth and fifteenth, the third being the first after the name.
  const own = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim()
  return (children === "" ? [] : children.split(" ")).reduce((sum, child) => sum + cpuSeconds(Number(child)), own)
}
