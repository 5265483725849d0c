import { byteStringFrom, bytesOf } from "@tvix-ts/bytes"
import { checkNode, toDigest, type Node } from "@tvix-ts/castore"
import { create } from "@bufbuild/protobuf"
import {
  DirectoryNodeSchema,
  FileNodeSchema,
  NodeSchema,
  SymlinkNodeSchema,
  type Node as NodeMessage,
} from "@tvix-ts/protos"
import { invalid } from "./check.ts"

/** @param name a byte string; empty where only what the node is matters */
export function messageOfNode(node: Node, name: string = ""): NodeMessage {
  return create(NodeSchema, { node: valueOf(node, bytesOf(name)) })
}

function valueOf(node: Node, name: Uint8Array): NodeMessage["node"] {
  switch (node.type) {
    case "directory":
      return {
        case: "directory",
        value: create(DirectoryNodeSchema, { name, digest: node.digest, size: BigInt(node.size) }),
      }
    case "file":
      return {
        case: "file",
        value: create(FileNodeSchema, {
          name,
          digest: node.digest,
          size: BigInt(node.size),
          executable: node.executable,
        }),
      }
    case "symlink":
      return { case: "symlink", value: create(SymlinkNodeSchema, { name, target: bytesOf(node.target) }) }
  }
}

/**
 * The node of a message, and its name, of which nothing is checked.
 *
 * @param field where the message is, for errors: `node`
 * @throws {CastoreError} `invalid`
 */
export function nodeOfMessage(message: NodeMessage | undefined, field: string): { name: string; node: Node } {
  const inner = message?.node
  switch (inner?.case) {
    case undefined:
      return invalid(field, "is missing")
    case "directory":
    case "file": {
      const { name, digest, size } = inner.value
      const node = {
        digest: toDigest(digest, `${field}.${inner.case}.digest`),
        size: sizeOfMessage(size, `${field}.${inner.case}.size`),
      }
      return {
        name: byteStringFrom(name),
        node:
          inner.case === "file"
            ? { type: "file", ...node, executable: inner.value.executable }
            : { type: "directory", ...node },
      }
    }
    case "symlink": {
      const node = { type: "symlink", target: byteStringFrom(inner.value.target) } as const
      checkNode(node, `${field}.symlink`)
      return { name: byteStringFrom(inner.value.name), node }
    }
  }
}

/** Sizes of more than 2^53 - 1 bytes, which nothing has, are refused rather than rounded. */
export function sizeOfMessage(size: bigint, field: string): number {
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) invalid(field, `${size} is too large`)
  return Number(size)
}
