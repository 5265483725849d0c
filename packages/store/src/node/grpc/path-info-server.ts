import { equal } from "@tvix-ts/bytes"
import { CastoreError, type CallOptions } from "@tvix-ts/castore"
import {
  GrpcFailure,
  grpcService,
  GrpcStatusCode,
  serverStreaming,
  unary,
  type GrpcService,
} from "@tvix-ts/castore/node"
import { SnixPathInfoService, TvixPathInfoService } from "@tvix-ts/protos"
import { encodePathInfo, messageOfPathInfo, pathInfoOfMessage, storeDigestOf } from "../../path-info/codec.ts"
import { nodeOfMessage } from "../../path-info/node-message.ts"
import type { PathInfo } from "../../path-info/path-info.ts"
import type { NarService, Store } from "../../store.ts"

const { get, put, calculateNAR, list } = TvixPathInfoService.method

export interface PathInfoServiceOptions {
  /** Takes path infos as they are, rather than reading the tree to see that it is there and what its archive is. */
  readonly trustClients?: boolean
}

/** `PathInfoService`, under Tvix's name and under Snix's. */
export function pathInfoServices(
  { pathInfos, nar }: Pick<Store, "pathInfos" | "nar">,
  { trustClients = false }: PathInfoServiceOptions = {},
): GrpcService[] {
  return grpcService(
    [TvixPathInfoService, SnixPathInfoService],
    [
      unary(get, async ({ byWhat }, { signal }) => {
        if (byWhat.case === undefined) {
          throw new CastoreError({ code: "invalid", field: "by_what", reason: "says not what to get" })
        }
        const digest = storeDigestOf(byWhat.value, "by_output_hash")
        const pathInfo = await pathInfos.get(digest, { signal })
        if (pathInfo === undefined) throw new CastoreError({ code: "missing", what: `the path info of ${digest}` })
        return messageOfPathInfo(pathInfo)
      }),
      unary(put, async (message, { signal }) => {
        const pathInfo = pathInfoOfMessage(message)
        if (!trustClients) await checkArchive(nar, pathInfo, { signal })
        return messageOfPathInfo(await pathInfos.put(pathInfo, { signal }))
      }),
      unary(calculateNAR, async (message, { signal }) => {
        const { narSize, narHash } = await nar.calculate(nodeOfMessage(message, "node").node, { signal })
        return { narSize: BigInt(narSize), narSha256: narHash }
      }),
      serverStreaming(list, async function* (_, { signal }) {
        for await (const pathInfo of pathInfos.list({ signal })) yield encodePathInfo(pathInfo)
      }),
    ],
  )
}

/**
 * Whoever gets a path info from us believes what it says of the tree, so it has to be right.
 *
 * @throws {GrpcFailure} `FAILED_PRECONDITION` if the tree is not all there
 * @throws {CastoreError} `invalid` if the archive is another one
 */
async function checkArchive(nar: NarService, pathInfo: PathInfo, options: CallOptions): Promise<void> {
  let archive
  try {
    archive = await nar.calculate(pathInfo.node, options)
  } catch (error) {
    if (error instanceof CastoreError && error.problem.code === "missing") {
      throw new GrpcFailure(GrpcStatusCode.FAILED_PRECONDITION, error.message)
    }
    throw error
  }
  if (archive.narSize !== pathInfo.narSize) {
    const reason = `the tree's archive has ${archive.narSize} bytes, not ${pathInfo.narSize}`
    throw new CastoreError({ code: "invalid", field: "narinfo.nar_size", reason })
  }
  if (!equal(archive.narHash, pathInfo.narHash)) {
    throw new CastoreError({
      code: "invalid",
      field: "narinfo.nar_sha256",
      reason: "the tree's archive has another one",
    })
  }
}
