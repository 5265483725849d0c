export { storeBuiltins } from "./builtins.ts"
export { storeIo } from "./store-io.ts"
export { evaluationStore, type EvaluationStoreOptions } from "./evaluation-store.ts"
export type { AddedTree, DerivationRecord, EvaluationStore } from "./store.ts"
