/** The version of this package; its test compares it with package.json. */
export const VERSION = "0.1.0"
/** The C++ Nix whose language and messages are followed. */
export const NIX_VERSION = "2.34.8"

/** Put in by whoever bundles us. */
declare const TVIX_SOURCES: string | undefined
/** A digest of all our sources; undefined where they are not bundled, and may change at any time. */
export const SOURCES = typeof TVIX_SOURCES === "undefined" ? undefined : TVIX_SOURCES
