export { writeAterm, type AtermOptions } from "./aterm.ts"
export { outputKind, type Derivation, type DerivationOutput } from "./derivation.ts"
export {
  derivationHashes,
  derivationPath,
  withOutputPaths,
  type DerivationHashes,
  type HashesOfInput,
} from "./derivation-hash.ts"
export { DerivationError, StorePathError, type DerivationProblem, type StorePathProblem } from "./problem.ts"
export {
  checkName,
  DERIVATION_SUFFIX,
  fixedOutputPath,
  makeStorePath,
  methodPrefix,
  outputName,
  outputPath,
  parseStorePath,
  STORE_DIR,
  textPath,
  type HashMethod,
  type StorePath,
} from "./store-path.ts"
export { NarError, type NarProblem } from "./nar/problem.ts"
export { NarReader, type NarReaderOptions } from "./nar/reader.ts"
export type { NarSink } from "./nar/sink.ts"
export { NarWriter } from "./nar/writer.ts"
export type { ContentAddress } from "./content-address.ts"
export type { Signature } from "./signature.ts"
