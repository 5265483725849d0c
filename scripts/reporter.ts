/**
 * The reporter of `npm test`: one line a file, failures in full, and a last line that machines can read,
 * `N passed, N failed`. Node's own `spec` reporter prints every passing test, which is thousands of lines here.
 */
import { relative } from "node:path"
import process from "node:process"
import type { TestEvent } from "node:test/reporters"
import { inspect } from "node:util"

interface Tally {
  passed: number
  failed: number
  skipped: number
  ms: number
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string, void> {
  const files = new Map<string, Tally>()
  const failures: string[] = []

  for await (const event of events) {
    switch (event.type) {
      case "test:pass":
      case "test:fail": {
        const { data } = event
        const file = relative(process.cwd(), data.file ?? data.name)
        const tally = files.get(file) ?? { passed: 0, failed: 0, skipped: 0, ms: 0 }
        files.set(file, tally)
        if (data.nesting === 0) tally.ms += data.details.duration_ms
        // A suite, and a file, is reported as a test of its own, which passes or fails with what it holds.
        if (data.details.type === "suite" || data.name === data.file) {
          if (event.type === "test:pass" || failureType(event.data.details.error) === "subtestsFailed") break
        }
        if (data.skip !== undefined || data.todo !== undefined) tally.skipped++
        else if (event.type === "test:pass") tally.passed++
        else {
          tally.failed++
          const failure = `✗ ${file}:${data.line ?? 0} ${data.name}\n${indent(explain(event.data.details.error))}\n`
          failures.push(failure)
          yield failure
        }
        break
      }
      case "test:stdout":
      case "test:stderr":
        yield event.data.message
        break
      default:
        break
    }
  }

  const total: Tally = { passed: 0, failed: 0, skipped: 0, ms: 0 }
  for (const [file, { passed, failed, skipped, ms }] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    total.passed += passed
    total.failed += failed
    total.skipped += skipped
    yield `${failed > 0 ? "✗" : "✓"} ${file}: ${passed + failed} tests${skipped > 0 ? `, ${skipped} skipped` : ""}, ${Math.round(ms)} ms\n`
  }
  // Told again below the list, where the eye is when the run ends.
  if (failures.length > 0) yield `\nFailures:\n\n${failures.join("\n")}\n`
  if (total.skipped > 0) yield `${total.skipped} skipped\n`
  yield `${total.passed} passed, ${total.failed} failed\n`
}

/** node:test's own word for what kind of failure it is; not in its type declarations. */
function failureType(error: unknown): string | undefined {
  return (error as { failureType?: string } | undefined)?.failureType
}

function explain(error: unknown): string {
  // node:test wraps what was thrown; the wrapper says nothing that the cause does not.
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  if (!(cause instanceof Error)) return typeof cause === "string" ? cause : inspect(cause)
  // The runner's own frames are the same below every failure.
  return (cause.stack ?? cause.message).replaceAll(/\n +at .*\bnode:(internal|async_hooks).*/g, "")
}

const indent = (text: string): string => text.replaceAll(/^/gm, "    ")
