export { digestLength, isHashAlgorithm, type HashAlgorithm } from "./algorithm.ts"
export type { Hasher } from "./engine.ts"
export { byteDigest, hash, hashByteString, hexDigest, startHash } from "./hash.ts"
export { decodeNix32, encodeNix32, nix32Length } from "./nix32.ts"
export {
  formatHash,
  formatPrefixedHash,
  parseBareHash,
  parseHash,
  parseHashAlgorithm,
  parseHashFormat,
  parsePrefixedHash,
  parseSriHash,
  type CheckAlgorithm,
  type Hash,
  type HashFormat,
} from "./notation.ts"
export { HashError, type HashProblem } from "./problem.ts"
