import type { Value } from "../value.ts"
/** A value as error messages show it. */
export function printShort(value: Value): string {
  return String(value)
}
