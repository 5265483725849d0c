import type { CallOptions } from "@tvix-ts/castore"
import type { StorePath } from "@tvix-ts/nix-compat"
import type { PathDescription, PathInfo } from "./path-info.ts"

export interface PutPathInfoOptions extends CallOptions {
  /**
   * What has to be there when it is stored, or nothing is: `missing`. A store that collects garbage looks in the same moment,
   * so that nothing can go in between; after that, what the path info refers to stays.
   */
  readonly requires?: readonly StorePath[]
}

export interface GetPathInfoOptions extends CallOptions {
  /**
   * Who has to fetch the archive tells of it as it comes: each piece, which is only there until this returns, and its offset.
   * Nothing is verified before the path info is there. What is begun again comes from 0 again; who joins somebody
   * else's fetch is told nothing.
   */
  readonly onArchive?: (piece: Uint8Array, offset: number) => void
}

/**
 * Stores path infos under the digest of their store path.
 *
 * Every back end passes `testPathInfoService` (testing/path-info-service.ts).
 */
export interface PathInfoService {
  /** @param digest the 32 base-32 digits of the store path */
  get(digest: string, options?: GetPathInfoOptions): Promise<PathInfo | undefined>
  /**
   * All of {@link get} but the tree, for which some back ends would have to download it; any other answers with the path info.
   */
  describe(digest: string, options?: CallOptions): Promise<PathDescription | undefined>
  /**
   * Which of `digests` are there: of many, faster than {@link describe} tells it. One that is damaged may be among them, which
   * is noticed when it is asked for.
   */
  has(digests: Iterable<string>, options?: CallOptions): Promise<ReadonlySet<string>>
  /**
   * Stores it, in place of the one that was there; durable when it resolves. The result is what is stored now, which may have
   * more signatures.
   */
  put(pathInfo: PathInfo, options?: PutPathInfoOptions): Promise<PathInfo>
  /**
   * Stores many as {@link put} does, each after those before it: whoever is interrupted leaves none that refers to one before
   * it that is missing. If one is not valid, none is stored. All are durable when it resolves.
   */
  putMany(pathInfos: readonly PathInfo[], options?: CallOptions): Promise<void>
  /** Every path info, in the order of the digests. */
  list(options?: CallOptions): AsyncIterable<PathInfo>
  close(): Promise<void>
}

/** Says what a tree is as a Nix archive. */
export interface NarCalculation {
  /** Bytes. */
  readonly narSize: number
  /** SHA-256: 32 bytes. */
  readonly narHash: Uint8Array
}
