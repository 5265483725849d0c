/**
 * What Linux and a FUSE server say to each other, as far as a file system that nobody writes to needs it. Source: the kernel's
 * include/uapi/linux/fuse.h, version 7.31; a newer kernel speaks it, too.
 *
 * Integers have the byte order of the machine, which is little-endian wherever Node runs with this kernel.
 */

export const MAJOR = 7
export const MINOR = 31
/** From here on the answer to INIT has its present size, and OPEN can be done without. Linux 3.15. */
export const MINOR_MIN = 23

/** The operations that are answered; every other is answered with ENOSYS, and the kernel does without, or with EROFS. */
export const OPCODE = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  readlink: 5,
  read: 15,
  statfs: 17,
  init: 26,
  opendir: 27,
  releasedir: 29,
  interrupt: 36,
  destroy: 38,
  notifyReply: 41,
  batchForget: 42,
  readdirplus: 44,
} as const

/** SETATTR, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, WRITE, SETXATTR, REMOVEXATTR, CREATE, FALLOCATE, RENAME2,
 * COPY_FILE_RANGE, TMPFILE. The kernel refuses them itself, as the mount is read-only, unless root makes it another. */
export const CHANGING_OPCODES: ReadonlySet<number> = new Set([
  4, 6, 8, 9, 10, 11, 12, 13, 16, 21, 24, 35, 43, 45, 47, 51,
])

/** What INIT offers, and is asked for: bits of `flags`. */
export const FEATURE = {
  asyncRead: 1 << 0,
  doReaddirplus: 1 << 13,
  noOpen: 1 << 17,
  parallelDirops: 1 << 18,
  maxPages: 1 << 22,
  cacheSymlinks: 1 << 23,
} as const

/** Bits of what OPENDIR is answered with. */
export const OPENED = { keepCache: 1 << 1, cacheDirectory: 1 << 3 } as const

/** Linux' numbers on every machine that Node runs on. */
export const ERRNO = {
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENOTDIR: 20,
  EINVAL: 22,
  EROFS: 30,
  ENOSYS: 38,
  EPROTO: 71,
} as const
export type Errno = (typeof ERRNO)[keyof typeof ERRNO]

/** Kinds of files in `st_mode`, and shifted by 12 in directory entries. */
export const KIND = { directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const

/** The number of the folder that is mounted. */
export const ROOT_ID = 1

/** Bytes of structures. */
export const SIZE = {
  inHeader: 40,
  outHeader: 16,
  initIn: 16,
  initOut: 64,
  attr: 88,
  attrOut: 104,
  entryOut: 128,
  openOut: 16,
  dirent: 24,
  readIn: 40,
  statfsOut: 80,
  retrieveOut: 32,
} as const

/** Bytes of a READ or a READDIRPLUS: the most that a kernel asks for at once (256 pages). */
export const READ_MAX = 2 ** 20
/** Bytes of a page, where it matters: limits are told in them. */
export const PAGE = 4096
/** Bytes that a request may have; the kernel reads no smaller buffer than 8 KiB. A batch of FORGETs may be as large. */
export const REQUEST_MAX = 2 ** 17

/** An empty file in the root, which no store path is called like and no listing has: for {@link NOTIFY_RETRIEVE}. */
export const WAKE_UP_NAME = ".tvix-wake-up"

/** In `error` of a message without a request: asks the kernel to send what it has of a file, which makes it send something. */
export const NOTIFY_RETRIEVE = 5
