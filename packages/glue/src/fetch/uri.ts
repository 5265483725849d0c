/** Addresses as programs write them: byte strings. */
import { fail } from "@tvix-ts/eval/builtins"

/** Fails if a program may not fetch from an address. */
export type UriCheck = (uri: string) => void

/** A URL without what could be a secret, a name or password before the host: for messages. */
export function shownUrl(url: string): string {
  return url.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/?#]*@/, "$1")
}

/** A channel is a shorthand for where its archive is (libexpr/eval-settings.cc). */
export function resolvePseudoUrl(url: string): string {
  const channel = /^channel:(.*)$/s.exec(url)?.[1]
  return channel === undefined ? url : `https://channels.nixos.org/${channel}/nixexprs.tar.xz`
}

/** Whether an address begins with an allowed one, which has to end where a part of it ends (libexpr/eval.cc). */
export function uriCheck(allowed: readonly string[]): UriCheck {
  return (uri) => {
    const isAllowed = allowed.some((prefix) => {
      if (uri === prefix) return true
      if (prefix === "" || !uri.startsWith(prefix)) return false
      // The last one is a scheme on its own, as in "github:".
      return prefix.endsWith("/") || uri[prefix.length] === "/" || /^[a-z][a-z0-9+.-]*:$/.test(prefix)
    })
    if (!isAllowed) {
      fail({ code: "access-forbidden", message: `access to URI '${shownUrl(uri)}' is forbidden in restricted mode` })
    }
  }
}
