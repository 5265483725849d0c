import { create } from "@bufbuild/protobuf"
import { CastoreError, type CallOptions, type Node } from "@tvix-ts/castore"
import { answer, fromStatus, isNotFound, type GrpcChannel } from "@tvix-ts/castore/node"
import { decodeNix32 } from "@tvix-ts/hash"
import { formatStorePath } from "@tvix-ts/nix-compat"
import {
  GetPathInfoRequestSchema,
  ListPathInfoRequestSchema,
  TvixPathInfoService,
  type PathInfo as PathInfoMessage,
} from "@tvix-ts/protos"
import { checkLength, checkStoreDigest, NAR_HASH_LENGTH } from "../../path-info/check.ts"
import { decodePathInfo, messageOfPathInfo, pathInfoOfMessage } from "../../path-info/codec.ts"
import { hasEach } from "../../path-info/has-each.ts"
import { messageOfNode, sizeOfMessage } from "../../path-info/node-message.ts"
import type { PathInfo } from "../../path-info/path-info.ts"
import { putInOrder } from "../../path-info/put-in-order.ts"
import { requireThere } from "../../path-info/require-there.ts"
import type { NarCalculation, PathInfoService, PutPathInfoOptions } from "../../path-info/service.ts"
import type { NarService } from "../../store.ts"

const { get, put, calculateNAR, list } = TvixPathInfoService.method

/** The path infos of a peer. They are well-formed; whether they are true, signatures tell or the tree itself. */
export function grpcPathInfoService(channel: GrpcChannel): PathInfoService {
  return new GrpcPathInfoService(channel)
}

/** Has archives calculated by a peer, who has the tree. */
export function grpcNarService(channel: GrpcChannel): NarService {
  return {
    async calculate(node: Node, options: CallOptions = {}): Promise<NarCalculation> {
      const { narSize, narSha256 } = await answer(
        channel.unary(calculateNAR, messageOfNode(node), options),
        options.signal,
      )
      return blamingPeer("an archive's size and hash", () => {
        checkLength(narSha256, NAR_HASH_LENGTH, "nar_sha256")
        return { narSize: sizeOfMessage(narSize, "nar_size"), narHash: narSha256 }
      })
    },
  }
}

class GrpcPathInfoService implements PathInfoService {
  readonly #channel: GrpcChannel
  readonly #release: () => void

  constructor(channel: GrpcChannel) {
    this.#channel = channel
    this.#release = channel.use()
  }

  async get(digest: string, options: CallOptions = {}): Promise<PathInfo | undefined> {
    checkStoreDigest(digest, "digest")
    const request = create(GetPathInfoRequestSchema, {
      byWhat: { case: "byOutputHash", value: decodeNix32(digest)! },
    })
    let message: PathInfoMessage
    try {
      message = await this.#channel.unary(get, request, options)
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw options.signal?.aborted === true ? options.signal.reason : fromStatus(error)
    }
    return checked(message, digest)
  }

  describe(digest: string, options?: CallOptions): Promise<PathInfo | undefined> {
    return this.get(digest, options)
  }

  has(digests: Iterable<string>, options?: CallOptions): Promise<Set<string>> {
    return hasEach(digests, async (digest) => (await this.get(digest, options)) !== undefined)
  }

  async put(pathInfo: PathInfo, { requires = [], ...options }: PutPathInfoOptions = {}): Promise<PathInfo> {
    const message = messageOfPathInfo(pathInfo)
    await requireThere(requires, this, options)
    return checked(await answer(this.#channel.unary(put, message, options), options.signal), pathInfo.storePath.digest)
  }

  async putMany(pathInfos: readonly PathInfo[], options: CallOptions = {}): Promise<void> {
    await putInOrder(pathInfos, (pathInfo, one) => this.put(pathInfo, one), options)
  }

  async *list(options: CallOptions = {}): AsyncGenerator<PathInfo, void, undefined> {
    const { signal } = options
    const messages = this.#channel.serverStream(list, create(ListPathInfoRequestSchema), options)
    try {
      for await (const message of messages) yield blamingPeer("a path info", () => decodePathInfo(message))
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : fromStatus(error)
    }
  }

  async close(): Promise<void> {
    this.#release()
  }
}

/** @throws {CastoreError} `corrupt` if it is not well-formed, or of another store path than the one asked for */
function checked(message: PathInfoMessage, digest: string): PathInfo {
  const pathInfo = blamingPeer(`the path info of ${digest}`, () => pathInfoOfMessage(message))
  if (pathInfo.storePath.digest !== digest) {
    throw new CastoreError({
      code: "corrupt",
      what: `the path info of ${digest}`,
      reason: `the peer sent that of ${formatStorePath(pathInfo.storePath)}`,
    })
  }
  return pathInfo
}

/** What is wrong with an answer is not the caller's fault. */
function blamingPeer<T>(what: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof CastoreError) || error.problem.code !== "invalid") throw error
    throw new CastoreError({ code: "corrupt", what, reason: error.message }, { cause: error })
  }
}
