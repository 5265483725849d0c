/** Of linux/personality.h: the same addresses each time, and a machine of 32 bits. */
const ADDR_NO_RANDOMIZE = 0x0040000
const PER_LINUX32 = 0x0008

const PERSONALITIES: Readonly<Record<string, number>> = {
  "x86_64-linux": ADDR_NO_RANDOMIZE,
  "i686-linux": ADDR_NO_RANDOMIZE | PER_LINUX32,
  "aarch64-linux": ADDR_NO_RANDOMIZE,
}

/**
 * How the kernel is to show itself to builds for a kind of machine; see personality(2). Addresses are always the same, as in
 * sandboxes of C++ Nix, so that what depends on them is.
 */
export function personalityOf(system: string): number | undefined {
  return Object.hasOwn(PERSONALITIES, system) ? PERSONALITIES[system] : undefined
}
