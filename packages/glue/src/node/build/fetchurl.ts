/** `builtin:fetchurl`, what `<nix/fetchurl.nix>` builds with: a file, or the tree in a Nix archive (libstore/builtins/fetchurl.cc). */
import type { BlobService, FileNode, Node } from "@tvix-ts/castore"
import { BuildError } from "@tvix-ts/build"
import { encodeHex } from "@tvix-ts/bytes"
import { NarError, type Derivation } from "@tvix-ts/nix-compat"
import { ingestNar } from "@tvix-ts/store"
import { CompressionError, decompress } from "@tvix-ts/store/node"
import { RealiseError } from "../../build/problem.ts"
import type { BuiltinBuilder } from "../../build/realise.ts"
import { FetchError } from "../../fetch/problem.ts"
import type { Download } from "../fetch/fetcher.ts"

/**
 * @param mirrors addresses below which files are named by their hash, as `sha256/…`; they are asked first
 */
export function builtinFetchurl(download: Download, mirrors: readonly string[] = []): BuiltinBuilder {
  return async (derivation, _request, { store, path, signal, onActivity }) => {
    const promise = derivation.outputs.get("out")
    const url = derivation.env.get("url")
    const refuse = (reason: string): never => {
      throw new RealiseError({ code: "unsupported", derivation: path, reason })
    }
    if (promise?.kind !== "fixed") {
      return refuse("'builtin:fetchurl' must be a fixed-output derivation with an 'out' output")
    }
    if (url === undefined) return refuse("'builtin:fetchurl' needs the attribute 'url'")
    const isExecutable = isSet(derivation, "executable")
    const take = async (pieces: AsyncIterable<Uint8Array>, size: number): Promise<Node> => {
      if (isSet(derivation, "unpack")) {
        const archive = url.endsWith(".xz") ? decompress(pieces, "xz") : pieces
        const { node } = await ingestNar(archive, store, { signal })
        return node.type === "file" && isExecutable ? { ...node, executable: true } : node
      }
      return storedBlob(pieces, size, isExecutable, store.blobs, signal)
    }
    const { algorithm, digest } = promise.hash
    const get = (address: string): Promise<Node> => download(address, take, { signal, onPiece: onActivity })
    const named = mirrors.map((mirror) => `${mirror.replace(/\/*$/, "/")}${algorithm}/${encodeHex(digest)}`)
    for (const mirror of promise.method === "flat" ? named : []) {
      try {
        return { node: await get(mirror), needles: [] }
      } catch (error) {
        // Few files are on a mirror.
        signal.throwIfAborted()
        if (!(error instanceof Error && "problem" in error)) throw error
      }
    }
    try {
      return { node: await get(url), needles: [] }
    } catch (error) {
      const isOurs = error instanceof FetchError || error instanceof NarError || error instanceof CompressionError
      throw isOurs ? new BuildError({ code: "failed", reason: error.message }, { cause: error }) : error
    }
  }
}

function isSet({ env }: Derivation, name: string): boolean {
  return env.get(name) === "1"
}

async function storedBlob(
  pieces: AsyncIterable<Uint8Array>,
  size: number,
  executable: boolean,
  blobs: BlobService,
  signal: AbortSignal,
): Promise<FileNode> {
  const batch = blobs.batch({ signal })
  try {
    const writer = batch.blob(size)
    for await (const piece of pieces) await writer.write(piece)
    const ended = writer.end()
    await batch.commit()
    return { type: "file", digest: await ended, size, executable }
  } catch (error) {
    await batch.abort()
    throw error
  }
}
