import { SnixDirectoryService, TvixDirectoryService } from "@tvix-ts/protos"
import { formatDigest, toDigest } from "../../digest.ts"
import { decodeDirectory, encodeDirectory } from "../../directory/codec.ts"
import type { Directory, DirectoryService } from "../../directory/service.ts"
import { CastoreError } from "../../problem.ts"
import { ALONE } from "./directory-client.ts"
import { clientStreaming, grpcService, serverStreaming, type GrpcService } from "./service.ts"

const { get, put } = TvixDirectoryService.method

/** `DirectoryService`, under Tvix's name and under Snix's. */
export function directoryServices(directories: DirectoryService): GrpcService[] {
  return grpcService(
    [TvixDirectoryService, SnixDirectoryService],
    [
      serverStreaming(get, async function* (request, { signal }) {
        const { byWhat, recursive } = request
        if (byWhat.case === undefined) {
          throw new CastoreError({ code: "invalid", field: "by_what", reason: "says not what to get" })
        }
        const digest = toDigest(byWhat.value, "digest")
        const missing = new CastoreError({ code: "missing", what: `directory ${formatDigest(digest)}` })
        if (recursive) {
          let found = false
          for await (const directory of directories.getRecursive(digest, { signal })) {
            found = true
            yield encodeDirectory(directory)
          }
          if (!found) throw missing
        } else {
          const directory = await directories.get(digest, { signal })
          if (directory === undefined) throw missing
          yield encodeDirectory(directory)
        }
      }),
      clientStreaming(put, async (messages, { signal, metadata }) => {
        if (metadata.get(ALONE).length > 0) return { rootDigest: await putAlone(directories, messages, signal) }
        const putter = directories.putMultiple({ signal })
        let index = 0
        for await (const message of messages) await putter.put(decodeNth(message, index++))
        return { rootDigest: await putter.close() }
      }),
    ],
  )
}

/** One directory whose subdirectories are not sent with it. */
async function putAlone(
  directories: DirectoryService,
  messages: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  let only: Directory | undefined
  for await (const message of messages) {
    if (only !== undefined) {
      throw new CastoreError({ code: "invalid", field: ALONE, reason: "there is more than one directory" })
    }
    only = decodeNth(message, 0)
  }
  if (only === undefined) throw new CastoreError({ code: "invalid", field: ALONE, reason: "there is no directory" })
  return directories.put(only, { signal })
}

/** @throws {CastoreError} `invalid`, which names the directory by its place in the call */
function decodeNth(message: Uint8Array, index: number): Directory {
  try {
    return decodeDirectory(message)
  } catch (error) {
    if (!(error instanceof CastoreError) || error.problem.code !== "invalid") throw error
    const field = error.problem.field === "" ? `[${index}]` : `[${index}].${error.problem.field}`
    throw new CastoreError({ ...error.problem, field }, { cause: error })
  }
}
