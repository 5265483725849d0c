import { printShort } from "../print/short.ts"
import type { RuntimeObserver, Site } from "./observer.ts"

/**
 * Writes a line when an instruction begins that evaluates others, and one with its result when it ends; each is indented
 * by how deep evaluation is. Lines are byte strings without a line end.
 */
export function traceRuntime(write: (line: string) => void): RuntimeObserver {
  let depth = 0
  /** The instruction whose beginning is not written yet: if nothing happens inside, one line will do. */
  let begun: Site | undefined
  const line = (site: Site, text: string): void => {
    const where = site.at < 0 ? "" : positionText(site.unit.source.position(site.at))
    write(`${where.padEnd(WIDTH)} ${"| ".repeat(Math.min(depth, DEPTH_MAX))}${site.op}${text}`)
  }
  const end = (site: Site, text: string): void => {
    depth--
    line(site, begun === site ? text : ` done${text}`)
    begun = undefined
  }
  return {
    enter(site) {
      if (begun !== undefined) {
        depth--
        line(begun, "")
        depth++
      }
      begun = site
      depth++
    },
    leave: (site, result) => end(site, `: ${printShort(result)}`),
    pause: (site) => end(site, " (to be continued)"),
  }
}

/** Columns of a place; deeper than this, lines are indented no further. */
const WIDTH = 9
const DEPTH_MAX = 60

function positionText({ line, column }: { readonly line: number; readonly column: number }): string {
  return `${line}:${column}`
}
