import assert from "node:assert/strict"
import { CastoreError } from "../problem.ts"

/** For `assert.rejects` and `assert.throws`. */
export function problem(code: CastoreError["problem"]["code"], field?: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof CastoreError, String(error))
    assert.equal(error.problem.code, code, error.message)
    if (field !== undefined) assert.equal((error.problem as { field?: string }).field, field, error.message)
    return true
  }
}
