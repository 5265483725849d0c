import { textOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import { KeyError, SecretKey } from "@tvix-ts/nix-compat"
import { readFileSync } from "node:fs"

/** @throws {CastoreError} `invalid`, which says nothing of the secret */
export function readSecretKey(file: string): SecretKey {
  const text = readFileSync(file, "latin1").trim()
  try {
    return SecretKey.parse(text)
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    throw new CastoreError({ code: "invalid", field: file, reason: textOf(error.message) }, { cause: error })
  }
}
