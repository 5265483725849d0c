import type { Pieces } from "./parts.ts"

/**
 * What is at an address that begins with `postgres:`: directories and path infos, no blobs. Who has none does not wait for
 * what speaks with PostgreSQL.
 *
 * @param wrong throws, with what is wrong with the address
 */
export async function openPostgres(url: URL, wrong: (reason: string) => never): Promise<Pieces> {
  const { openPostgresServices } = await import("./postgres/services.ts")
  return openPostgresServices(url, wrong)
}
