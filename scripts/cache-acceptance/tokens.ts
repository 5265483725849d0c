import { tvixStore } from "./server.ts"

/** The secret of a new token for the cache of a store. */
export function newToken(store: string, right: "read" | "write", ...words: readonly string[]): Promise<string> {
  return tvixStore("--store", store, "token", "create", "--name", "acceptance", `--${right}`, ...words)
}

/** As Nix and curl take it. */
export function netrcOf(url: string, secret: string): string {
  return `machine ${new URL(url).hostname} login token password ${secret}\n`
}
