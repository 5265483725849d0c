import { create } from "@bufbuild/protobuf"
import { equal } from "@tvix-ts/bytes"
import { GetDirectoryRequestSchema, TvixDirectoryService, type PutDirectoryResponse } from "@tvix-ts/protos"
import type { CallOptions } from "../../call.ts"
import { digestKey, digestOf, formatDigest, type B3Digest } from "../../digest.ts"
import { decodeDirectory, encodeDirectory } from "../../directory/codec.ts"
import type { Directory, DirectoryPutter, DirectoryService } from "../../directory/service.ts"
import { CastoreError } from "../../problem.ts"
import { answer, type ClientStream, type GrpcChannel } from "./channel.ts"
import { fromStatus, isNotFound } from "./status.ts"

const { get, put } = TvixDirectoryService.method

/**
 * Metadata of a `Put` that sends one directory, without those below it. The protocol has no place for this, so only servers
 * of ours know it; others refuse a directory whose subdirectories did not come before it.
 */
export const ALONE = "tvix-ts-alone"

/** The directories of a peer, who is not trusted: what it sends must be what was asked for. */
export function grpcDirectoryService(channel: GrpcChannel): DirectoryService {
  return new GrpcDirectoryService(channel)
}

class GrpcDirectoryService implements DirectoryService {
  readonly #channel: GrpcChannel
  readonly #release: () => void

  constructor(channel: GrpcChannel) {
    this.#channel = channel
    this.#release = channel.use()
  }

  async get(digest: B3Digest, options: CallOptions = {}): Promise<Directory | undefined> {
    let directory: Directory | undefined
    for await (const message of this.#messages(digest, false, options)) {
      if (directory !== undefined) throw corrupt(digest, "the peer sent more than this one")
      if (!equal(digestOf(message), digest)) throw corrupt(digest, "the peer sent another one")
      directory = decodeVerified(digest, message)
    }
    return directory
  }

  async *getRecursive(digest: B3Digest, options: CallOptions = {}): AsyncGenerator<Directory, void, undefined> {
    /** Directories that parents mention: whether they came. */
    const known = new Map<string, boolean>([[digestKey(digest), false]])
    let outstanding = 1
    for await (const message of this.#messages(digest, true, options)) {
      const sent = digestOf(message)
      const came = known.get(digestKey(sent))
      if (came === undefined) throw corrupt(digest, `the peer sent ${formatDigest(sent)}, which no parent mentions`)
      // The protocol allows it.
      if (came) continue
      known.set(digestKey(sent), true)
      outstanding--
      const directory = decodeVerified(sent, message)
      for (const [, node] of directory.entries) {
        if (node.type !== "directory" || known.has(digestKey(node.digest))) continue
        known.set(digestKey(node.digest), false)
        outstanding++
      }
      yield directory
    }
    if (outstanding > 0 && known.get(digestKey(digest))) {
      throw new CastoreError({ code: "missing", what: `one of the directories below ${formatDigest(digest)}` })
    }
  }

  async put(directory: Directory, options: CallOptions = {}): Promise<B3Digest> {
    const message = encodeDirectory(directory)
    const alone = directory.entries.some(([, node]) => node.type === "directory")
    const stream = this.#channel.clientStream(put, options, alone ? { [ALONE]: "1" } : {})
    await answer(Promise.resolve(stream.write(message)), options.signal)
    return checkRoot(await answer(stream.end(), options.signal), digestOf(message))
  }

  putMultiple(options: CallOptions = {}): DirectoryPutter {
    return new GrpcDirectoryPutter(() => this.#channel.clientStream(put, options), options)
  }

  async close(): Promise<void> {
    this.#release()
  }

  /** Nothing at all if the peer does not have the first. */
  async *#messages(
    digest: B3Digest,
    recursive: boolean,
    { signal }: CallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const request = create(GetDirectoryRequestSchema, { byWhat: { case: "digest", value: digest }, recursive })
    let any = false
    try {
      for await (const message of this.#channel.serverStream(get, request, { ...(signal && { signal }) })) {
        any = true
        yield message
      }
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      if (isNotFound(error) && !any) return
      throw fromStatus(error)
    }
  }
}

class GrpcDirectoryPutter implements DirectoryPutter {
  readonly #open: () => ClientStream<PutDirectoryResponse>
  readonly #options: CallOptions
  #stream: ClientStream<PutDirectoryResponse> | undefined
  #root: B3Digest | undefined

  constructor(open: () => ClientStream<PutDirectoryResponse>, options: CallOptions) {
    this.#open = open
    this.#options = options
  }

  put(directory: Directory): void | Promise<void> {
    let message: Uint8Array
    try {
      message = encodeDirectory(directory)
    } catch (error) {
      // Nothing comes of it any more, and the peer should not wait.
      this.#stream?.cancel()
      throw error
    }
    this.#root = digestOf(message)
    this.#stream ??= this.#open()
    const wait = this.#stream.write(message)
    return wait === undefined ? undefined : answer(wait, this.#options.signal)
  }

  async close(): Promise<B3Digest> {
    this.#stream ??= this.#open()
    const response = await answer(this.#stream.end(), this.#options.signal)
    if (this.#root === undefined) throw corrupt(response.rootDigest as B3Digest, "the peer stored what was not sent")
    return checkRoot(response, this.#root)
  }
}

function checkRoot(response: PutDirectoryResponse, root: B3Digest): B3Digest {
  if (!equal(response.rootDigest, root)) throw corrupt(root, "the peer stored it under another digest")
  return root
}

/** The digest is right, so whatever is wrong with the bytes is how they are stored. */
function decodeVerified(digest: B3Digest, message: Uint8Array): Directory {
  try {
    return decodeDirectory(message)
  } catch (error) {
    if (error instanceof CastoreError && error.problem.code === "invalid") throw corrupt(digest, error.message, error)
    throw error
  }
}

function corrupt(digest: B3Digest, reason: string, cause?: unknown): CastoreError {
  return new CastoreError({ code: "corrupt", what: `directory ${formatDigest(digest)}`, reason }, { cause })
}
