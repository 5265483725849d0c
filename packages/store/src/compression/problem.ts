/** What files in binary caches, and archives, are compressed with; the names are those of narinfos. */
export const COMPRESSIONS = ["none", "xz", "zstd", "bzip2", "br", "gzip"] as const
export type Compression = (typeof COMPRESSIONS)[number]

/** What can be wrong with compressed data. */
export type CompressionProblem =
  | { readonly code: "damaged"; readonly compression: Compression; readonly reason: string }
  /** Something follows the end. */
  | { readonly code: "trailing"; readonly compression: Compression }
  /** The library for it is not installed. */
  | { readonly code: "unavailable"; readonly compression: Compression; readonly library: string }

export class CompressionError extends Error {
  override readonly name = "CompressionError"
  readonly problem: CompressionProblem

  constructor(problem: CompressionProblem, options?: ErrorOptions) {
    super(describe(problem), options)
    this.problem = problem
  }
}

function describe(problem: CompressionProblem): string {
  switch (problem.code) {
    case "damaged":
      return `damaged ${problem.compression} data: ${problem.reason}`
    case "trailing":
      return `damaged ${problem.compression} data: something follows its end`
    case "unavailable":
      return `the library for ${problem.compression}, ${problem.library}, is not installed`
  }
}
