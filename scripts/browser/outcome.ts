export interface Outcome {
  readonly passed: number
  /** A line for each case that did not go as expected. */
  readonly failures: readonly string[]
}
