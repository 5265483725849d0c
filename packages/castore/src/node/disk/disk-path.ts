/** Paths that are byte strings, as node:fs takes them. */

const NOT_ASCII = /[^\x00-\x7f]/

/** A string where it means the same: making buffers costs more than opening a small file. */
export function diskPath(path: string): string | Buffer {
  return NOT_ASCII.test(path) ? Buffer.from(path, "latin1") : path
}

/** What to put before the name of an entry of the directory at `path`. */
export function directoryPrefix(path: string): string {
  return path.endsWith("/") ? path : `${path}/`
}
