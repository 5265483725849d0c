export { storeBuiltins } from "./builtins.ts"
export { storeIo } from "./source.ts"
export { memoryStore, type DerivationRecord, type EvaluationStore } from "./store.ts"
