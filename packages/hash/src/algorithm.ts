/** The hash algorithms of C++ Nix. */
export type HashAlgorithm = "blake3" | "md5" | "sha1" | "sha256" | "sha512"

/** Bytes of a digest. */
export const digestLength: { readonly [A in HashAlgorithm]: number } = {
  blake3: 32,
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha512: 64,
}

export function isHashAlgorithm(name: string): name is HashAlgorithm {
  return Object.hasOwn(digestLength, name)
}
