/** A signature with ed25519, as Nix writes it: `NAME:BASE64`. */
export interface Signature {
  /** Of the key. */
  readonly name: string
  /** 64 bytes. */
  readonly bytes: Uint8Array
}
