/** What is known of a store path, for machines and for people. */
import { textOf } from "@tvix-ts/bytes"
import { formatDigest, type Node } from "@tvix-ts/castore"
import { formatHash } from "@tvix-ts/hash"
import { formatContentAddress, formatSignature, formatStorePath, pathInfoJson } from "@tvix-ts/nix-compat"
import type { PathDescription } from "@tvix-ts/store"
import { formatBytes, formatCount, formatNumber } from "../amounts.ts"

/** Of which a path info says, and a description does not, what the path is in the castore. */
type Known = PathDescription & { readonly node?: Node }

/** As `nix path-info --json` gives it, and `node`: what the path is in the castore, if that is known. */
export function pathInfoRecord(pathInfo: Known): object {
  const { narSize, narHash, references, signatures, deriver, contentAddress, node } = pathInfo
  const impure = {
    ultimate: false,
    signatures: signatures.map(formatSignature),
    ...(deriver !== undefined && { deriver }),
  }
  const described = { narHash, narSize, references, impure, ...(contentAddress !== undefined && { contentAddress }) }
  return { ...pathInfoJson(described), ...(node !== undefined && { node: nodeRecord(node) }) }
}

function nodeRecord(node: Node): object {
  switch (node.type) {
    case "directory":
      return { type: "directory", digest: formatDigest(node.digest), entries: node.size }
    case "file":
      return { type: "file", digest: formatDigest(node.digest), size: node.size, executable: node.executable }
    case "symlink":
      return { type: "symlink", target: textOf(node.target) }
  }
}

/** Subresource-integrity notation, as Nix has it. */
function narHashText({ narHash }: PathDescription): string {
  return formatHash({ algorithm: "sha256", digest: narHash }, "sri")
}

/** A paragraph that begins with the store path. */
export function pathInfoText(pathInfo: Known): string {
  const { storePath, node, narSize, references, signatures, deriver, contentAddress } = pathInfo
  const lines: (readonly [label: string, text: string])[] = []
  if (node !== undefined) lines.push(["tree", nodeText(node)])
  lines.push(["archive", `${narSizeText(narSize)}, ${narHashText(pathInfo)}`])
  if (contentAddress !== undefined) lines.push(["content", formatContentAddress(contentAddress)])
  if (deriver !== undefined) lines.push(["built by", formatStorePath(deriver)])
  for (const [i, path] of references.entries()) lines.push([i === 0 ? "refers to" : "", formatStorePath(path)])
  for (const [i, signature] of signatures.entries()) lines.push([i === 0 ? "signed" : "", formatSignature(signature)])
  return [formatStorePath(storePath), ...lines.map(([label, text]) => `  ${label.padEnd(9)}  ${text}`)].join("\n")
}

function narSizeText(narSize: number): string {
  return narSize < 1000 ? formatBytes(narSize) : `${formatBytes(narSize)} (${formatNumber(narSize)} bytes)`
}

function nodeText(node: Node): string {
  switch (node.type) {
    case "directory":
      return `directory with ${formatCount(node.size, "entry", "entries")}, ${formatDigest(node.digest)}`
    case "file":
      return `${node.executable ? "executable" : "file"} of ${formatBytes(node.size)}, ${formatDigest(node.digest)}`
    case "symlink":
      return `symbolic link to ${textOf(node.target)}`
  }
}
