import { fileURLToPath } from "node:url"
import { CastoreError } from "@tvix-ts/castore"
import { binaryCacheStore } from "../../http/store.ts"
import type { CacheFiles } from "../../http/cache-files.ts"
import type { Castore, Store } from "../../store.ts"
import { NODE_CODECS } from "../compress.ts"
import { parseCacheAddress, type CacheAddress } from "./address.ts"
import { HttpFiles } from "./client.ts"
import { Credentials } from "./credentials.ts"
import { FolderFiles } from "./folder.ts"
import { HTTP_SETTINGS, type HttpSettings } from "./settings.ts"
import { TemporaryCastore } from "./temporary.ts"

export interface BinaryCacheSettings extends Partial<HttpSettings> {
  readonly env?: Readonly<Record<string, string | undefined>>
  /** ms since whenever. */
  readonly now?: () => number
  /** Files and folders that an archive may have. */
  readonly entriesMax?: number
}

/** Bytes of archives in a temporary folder, where equal ones are stored once. */
const TEMPORARY_BYTES_MAX = 16 * 2 ** 30
const ENTRIES_MAX = 1_000_000

/**
 * The binary cache at an address, as {@link parseCacheAddress} reads them.
 *
 * @param castore where trees are put; without, in a temporary folder, for as long as the store is open
 * @throws {CastoreError} `invalid`
 */
export function openBinaryCache(address: string, castore?: Castore, settings: BinaryCacheSettings = {}): Store {
  const parsed = parseCacheAddress(address)
  const { trust, priority, readOnly, compression, level, absentMs } = parsed.options
  const files = filesOf(parsed, settings)
  const temporary = castore === undefined ? new TemporaryCastore() : undefined
  return binaryCacheStore(
    files,
    {
      trust,
      readOnly,
      compression,
      ...(level !== undefined && { level }),
      absentMs,
      castore: castore ?? temporary!,
      ownBytesMax: castore === undefined ? TEMPORARY_BYTES_MAX : undefined,
      entriesMax: settings.entriesMax ?? ENTRIES_MAX,
      priority,
      codecs: NODE_CODECS,
      now: settings.now ?? (() => performance.now()),
    },
    () => temporary?.close() ?? Promise.resolve(),
  )
}

function filesOf({ url, options }: CacheAddress, { env = process.env, ...given }: BinaryCacheSettings): CacheFiles {
  if (url.protocol === "file:") return new FolderFiles(fileURLToPath(url))
  const { connectionsMax, attemptsMax, stalledTimeoutMs, tokenFile, tokenVariable, netrcFile, caFile } = options
  const { otherHosts } = options
  const settings: HttpSettings = {
    ...HTTP_SETTINGS,
    ...given,
    ...(connectionsMax !== undefined && { connectionsMax }),
    ...(attemptsMax !== undefined && { attemptsMax }),
    ...(stalledTimeoutMs !== undefined && { stalledTimeoutMs }),
    ...(caFile !== undefined && { caFile }),
    ...(otherHosts !== undefined && { otherHosts }),
  }
  try {
    return new HttpFiles(url, settings, new Credentials(url.hostname, { tokenFile, tokenVariable, netrcFile, env }))
  } catch (error) {
    // The authorities' certificates cannot be read.
    if (!(error instanceof Error) || (error as NodeJS.ErrnoException).syscall === undefined) throw error
    throw new CastoreError({ code: "invalid", field: `'${caFile}'`, reason: error.message }, { cause: error })
  }
}
