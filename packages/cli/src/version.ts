/** The version of this package; its test compares it with package.json. */
export const VERSION = "0.1.0"
/** The C++ Nix whose language and messages are followed. */
export const NIX_VERSION = "2.34.8"
