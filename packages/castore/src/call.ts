/** What every operation of a service takes. */
export interface CallOptions {
  /** Ends the operation with the signal's reason; whatever it was storing is then not stored. */
  readonly signal?: AbortSignal
}
