import { ahead } from "../ahead.ts"

const AT_ONCE = 32

/** `has` of a path info service whose back end has to be asked for each: several at once. */
export async function hasEach(
  digests: Iterable<string>,
  isThere: (digest: string) => Promise<boolean>,
): Promise<Set<string>> {
  const there = new Set<string>()
  const look = async (digest: string): Promise<void> => {
    if (await isThere(digest)) there.add(digest)
  }
  for await (const _ of ahead(new Set(digests), AT_ONCE, look));
  return there
}
