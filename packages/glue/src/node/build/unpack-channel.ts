/**
 * `builtin:unpack-channel`, what channels are made with: the one file or folder in an archive, under another name
 * (libstore/builtins/unpack-channel.cc).
 */
import { scanTree } from "@tvix-ts/build"
import {
  CastoreError,
  directorySize,
  type Directory,
  type DirectoryNode,
  type FileNode,
  type Node,
} from "@tvix-ts/castore"
import { InputFiles } from "../../build/input-files.ts"
import { FetchError } from "../../fetch/problem.ts"
import { RealiseError } from "../../build/problem.ts"
import type { BuiltinBuilder } from "../../build/realise.ts"
import type { Content } from "../fetch/content.ts"
import { temporaryFile } from "../fetch/temporary.ts"
import { unpack, UNPACK_LIMITS } from "../fetch/unpack.ts"

export const builtinUnpackChannel: BuiltinBuilder = async (derivation, request, context) => {
  const { store, path, signal, onActivity } = context
  const refuse = (reason: string): never => {
    throw new RealiseError({ code: "unsupported", derivation: path, reason })
  }
  const attribute = (name: string): string => derivation.env.get(name) ?? refuse(`attribute '${name}' missing`)
  const channelName = attribute("channelName")
  const source = attribute("src")
  if (channelName.includes("/")) {
    refuse(`channelName is not allowed to contain filesystem separators, got '${channelName}'`)
  }
  const files = new InputFiles(request, store, signal, refuse)
  const archive = (await files.find(source))?.node
  if (archive?.type !== "file") return refuse(`failed to open archive: '${source}' is no file among the inputs`)
  const content = await contentOf(archive, files)
  let unpacked: DirectoryNode
  try {
    const options = { path: source, limits: UNPACK_LIMITS, top: "outer", onProgress: onActivity, signal } as const
    unpacked = await unpack(content, store, options)
  } catch (error) {
    if (!(error instanceof FetchError)) throw error
    return refuse(error.message)
  } finally {
    await content.close()
  }
  const { entries } = (await store.directories.get(unpacked.digest, { signal }))!
  const [top, ...others] = entries
  if (top === undefined) return refuse(`channel tarball '${source}' is empty`)
  if (others.length > 0) return refuse(`channel tarball '${source}' contains more than one file`)
  const directory: Directory = { entries: [[channelName, top[1]]] }
  const size = directorySize(directory)
  const digest = await store.directories.put(directory, { signal }).catch((error: unknown) => {
    if (!(error instanceof CastoreError) || error.problem.code !== "invalid") throw error
    return refuse(`failed to rename '${top[0]}' to '${channelName}': ${error.message}`)
  })
  const node: Node = { type: "directory", digest, size }
  return { node, needles: await scanTree(node, request.needles, store, { signal }) }
}

/** Archives are read from more than one place. */
async function contentOf(archive: FileNode, files: InputFiles): Promise<Content> {
  const temporary = await temporaryFile()
  try {
    for await (const piece of files.contents(archive)) await temporary.file.appendFile(piece)
    return { ...temporary, size: archive.size }
  } catch (error) {
    await temporary.close()
    throw error
  }
}
