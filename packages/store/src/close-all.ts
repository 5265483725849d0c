/** Closes all of them, even if some fail; then the first failure is thrown. */
export async function closeAll(...services: readonly { close(): Promise<void> }[]): Promise<void> {
  const closed = await Promise.allSettled(services.map((service) => service.close()))
  for (const result of closed) if (result.status === "rejected") throw result.reason
}
