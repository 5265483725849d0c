/** Who asks a service of S3's kind. */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** How chunks and directories are compressed: one frame of zstd (RFC 8878) each. Portable code has no zstd of its own. */
export interface Zstd {
  compress(bytes: Uint8Array): Promise<Uint8Array>
  /** Fails for what is no frame, or if there are more than `sizeMax` bytes in it, of which no more are then made. */
  decompress(bytes: Uint8Array, sizeMax: number): Promise<Uint8Array>
}

/** Where a castore is, or a store, on a service that speaks as Amazon S3 does. */
export interface S3Options {
  readonly bucket: string
  /** What the names of all objects begin with, before a slash: several stores may share a bucket. */
  readonly prefix?: string
  /** `http://` or `https://`, a host, perhaps a port, and nothing behind it. */
  readonly endpoint: string
  readonly region: string
  /** Whether the bucket is the first part of the path, or of the host. */
  readonly bucketIn: "path" | "host"
  /** Asked when it is first needed, and again when the service says that they have expired. Without, nothing is signed. */
  readonly credentials: (() => Promise<S3Credentials>) | undefined
  readonly zstd: Zstd
  /** Requests under way at once; 64 without. */
  readonly requestsAtOnce?: number
  /** How often a request is tried; 8 times without. */
  readonly attempts?: number
  /** ms before the second attempt, at most; it doubles with each, up to 8 s. 100 without. */
  readonly retryAfterMs?: number
  /** ms for which an attempt may stand still; 60,000 without. Bytes that are on their way have all the time that they need. */
  readonly timeoutMs?: number
  /** Larger objects are put in parts of this many bytes; 8 MiB without. Services want at least 5 MiB. */
  readonly partBytes?: number
}
