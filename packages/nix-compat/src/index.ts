export { writeAterm, type AtermOptions } from "./aterm.ts"
export { parseAterm } from "./aterm-reader.ts"
export type { DerivationChange } from "./derivation-diff/changes.ts"
export {
  diffDerivations,
  type DerivationDiff,
  type DerivationDiffOptions,
  type DerivationPair,
} from "./derivation-diff/diff.ts"
export type { DerivationLoader, Side } from "./derivation-diff/pair.ts"
export { diffSequences, type Edit } from "./derivation-diff/sequence.ts"
export { checkDerivation, type DerivationCheck } from "./derivation-check.ts"
export {
  derivationJson,
  derivationsJson,
  parseDerivationJson,
  type DerivationJsonOptions,
  type DerivationJsonVersion,
} from "./derivation-json.ts"
export {
  derivationOptions,
  inputPlaceholder,
  requiredSystemFeatures,
  type DerivationOptions,
  type InputReference,
  type OutputChecks,
  type OutputChecksOf,
  type Reference,
} from "./derivation-options.ts"
export { outputKind, type Derivation, type DerivationOutput, type DynamicInput } from "./derivation.ts"
export {
  complete,
  derivationHashes,
  derivationPath,
  instantiate,
  type DerivationHashes,
  type HashesOfInput,
  type Instantiated,
} from "./derivation-hash.ts"
export { withOutput } from "./output-names.ts"
export {
  ContentAddressError,
  DerivationError,
  describeDerivation,
  StorePathError,
  type ContentAddressProblem,
  type DerivationProblem,
  type StorePathProblem,
} from "./problem.ts"
export {
  checkName,
  DERIVATION_SUFFIX,
  fixedOutputPath,
  formatStorePath,
  makeStorePath,
  methodPrefix,
  outputName,
  outputPath,
  parseStorePath,
  parseStorePathBase,
  STORE_DIR,
  storePathBase,
  storePathDigest,
  storePathOf,
  textPath,
  type HashMethod,
  type References,
  type StorePath,
} from "./store-path.ts"
export type { ExportDescription } from "./export/format.ts"
export { ExportError, type ExportProblem } from "./export/problem.ts"
export { readExport, type ExportedPath } from "./export/reader.ts"
export { exportBegin, exportDescription, exportEnd } from "./export/writer.ts"
export { formatFlakeRef, parseFlakeRef } from "./flake-ref/flake-ref.ts"
export type { InputAttribute, InputAttributes } from "./flake-ref/input.ts"
export { FlakeRefError, type FlakeRefProblem } from "./flake-ref/problem.ts"
export { isGitRef } from "./flake-ref/ref-name.ts"
export { fingerprint, type Signed } from "./fingerprint.ts"
export { JsonError, type JsonProblem } from "./json.ts"
export { isJsonArray, jsonTextString, quoteJsonText, readJsonText, writeJsonText, type JsonText } from "./json-text.ts"
export { formatNarInfo, NarInfoError, parseNarInfo, type NarInfo, type NarInfoProblem } from "./nar-info.ts"
export {
  formatListing,
  NarLister,
  parseListing,
  type ListedDirectory,
  type ListedFile,
  type ListedSymlink,
  type NarListing,
} from "./nar/listing.ts"
export { NarError, type NarProblem } from "./nar/problem.ts"
export { NarReader, type NarReaderOptions } from "./nar/reader.ts"
export type { NarSink } from "./nar/sink.ts"
export { NarWriter } from "./nar/writer.ts"
export {
  contentAddressPath,
  formatContentAddress,
  parseContentAddress,
  type ContentAddress,
} from "./content-address.ts"
export {
  formatPublicKey,
  formatSignature,
  KeyError,
  parsePublicKey,
  parseSignature,
  SecretKey,
  verifySignature,
  type KeyKind,
  type KeyProblem,
  type PublicKey,
  type Signature,
} from "./signature.ts"
export { parsePathInfoJson, pathInfoJson, type DescribedPath, type ImpureDescription } from "./path-info-json.ts"
export {
  formatStoreReference,
  parseStoreReference,
  StoreReferenceError,
  type StoreReference,
  type StoreReferenceProblem,
} from "./store-reference.ts"
export { compareVersions, parseDrvName, splitVersion } from "./version.ts"
