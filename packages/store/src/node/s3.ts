import type { Store } from "../store.ts"

/**
 * The store at an address that begins with `s3:`: s3/address.ts, s3/store.ts. Who has none does not wait for what speaks
 * with S3.
 *
 * @param wrong throws, with what is wrong with the address
 */
export async function openS3Store(url: URL, wrong: (reason: string) => never): Promise<Store> {
  const [{ s3Options }, { s3Store }] = await Promise.all([import("./s3/address.ts"), import("../s3/store.ts")])
  return s3Store(s3Options(url, wrong))
}
