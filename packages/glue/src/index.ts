export { storeBuiltins } from "./builtins.ts"
export { storeIo } from "./store-io.ts"
export { evaluationStore, type EvaluationStoreOptions } from "./evaluation-store.ts"
export type { SourceCache } from "./source-cache.ts"
export type { AddedTree, DerivationRecord, EvaluationStore } from "./store.ts"
export { drvPathOf, findDerivations, outputNameOf, type FindOptions, type FoundDerivation } from "./find-derivations.ts"
export { fetchBuiltins, type FetchOptions } from "./fetch/builtins.ts"
export { archiveFetcher } from "./fetch/search-path.ts"
export type { Fetched, Fetcher, GitRequest, GitTree, UrlRequest } from "./fetch/fetcher.ts"
export { FetchError, type FetchProblem } from "./fetch/problem.ts"
export { TarReader, type TarEntry, type TarSink } from "./fetch/tar-reader.ts"
export { builtinBuildenv } from "./build/buildenv.ts"
export { RealiseError, type RealiseProblem } from "./build/problem.ts"
export {
  realise,
  type BuiltinBuilder,
  type BuiltinContext,
  type Locks,
  type Realised,
  type RealiseEvent,
  type RealiseOptions,
  type Wanted,
} from "./build/realise.ts"
