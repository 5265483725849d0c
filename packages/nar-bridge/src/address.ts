/**
 * Whose share a request takes, from the address of its client: of IPv6 the network of 64 bits, of which whoever has one
 * address has all; of IPv4 the address. Proxies may have put a port behind it, and systems an IPv4 address into IPv6.
 */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address
  const [, bracketed, bare = ""] = /^(?:\[([^\]]*)\](?::\d+)?|(.*))$/s.exec(address) ?? []
  const ip = bracketed ?? bare
  const [, ipv4] = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/i.exec(ip) ?? []
  if (ipv4 !== undefined) return ipv4
  const [before = "", after] = ip.toLowerCase().split("%", 1)[0]!.split("::", 2)
  const groups = before === "" ? [] : before.split(":")
  const last = after === undefined || after === "" ? [] : after.split(":")
  const left = after === undefined ? 0 : Math.max(0, GROUPS - groups.length - last.length)
  const all = [...groups, ...Array.from({ length: left }, () => "0"), ...last]
  const network = all.slice(0, NETWORK_GROUPS).map((group) => group.replace(/^0+(?=.)/, ""))
  return `${network.join(":").slice(0, LENGTH_MAX)}::`
}

const GROUPS = 8
const NETWORK_GROUPS = 4
/** What is no address after all, from a proxy that passes on anything, is not kept whole. */
const LENGTH_MAX = 19
