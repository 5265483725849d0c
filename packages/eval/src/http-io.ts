import { byteStringFrom } from "@tvix-ts/bytes"
import { IoError, type EvalIO, type FileType } from "./io.ts"

/** As much of the standard `fetch` as is needed. */
export type Fetch = (url: string) => Promise<{
  readonly ok: boolean
  readonly status: number
  arrayBuffer(): Promise<ArrayBuffer>
}>

export interface HttpIoOptions {
  /** What paths are appended to: with `https://example.org/src`, `/a.nix` is `https://example.org/src/a.nix`. */
  readonly base: string
  /** Usually `fetch`; or something that adds headers, retries, or keeps a cache. */
  readonly fetch: Fetch
}

/**
 * Files behind an HTTP server, each fetched once and then remembered. HTTP knows no directories: a path is taken for one
 * if there is a `default.nix` below it, which is what `import` asks for; `readDir` is refused.
 */
export function httpIo({ base, fetch }: HttpIoOptions): EvalIO {
  const files = new Map<string, Promise<string | undefined>>()
  const read = (path: string): Promise<string | undefined> => {
    let file = files.get(path)
    if (file === undefined) {
      file = download(path)
      // An error may pass; an answer stays.
      file.catch(() => files.delete(path))
      files.set(path, file)
    }
    return file
  }
  const download = async (path: string): Promise<string | undefined> => {
    const url = base.replace(/\/$/, "") + escapePath(path)
    let response: Awaited<ReturnType<Fetch>>
    try {
      response = await fetch(url)
    } catch (error) {
      throw new IoError(`fetching '${url}': ${error instanceof Error ? error.message : String(error)}`)
    }
    if (response.status === 404) return undefined
    if (!response.ok) throw new IoError(`fetching '${url}': HTTP status ${response.status}`)
    return byteStringFrom(new Uint8Array(await response.arrayBuffer()))
  }
  return {
    async readFile(path) {
      const file = await read(path)
      if (file === undefined) throw new IoError(`opening file '${path}': No such file or directory`)
      return file
    },
    readDir(path) {
      throw new IoError(`reading directory '${path}': not possible over HTTP`)
    },
    async fileType(path) {
      // The likelier question first: names of Nix files end in ".nix", those of directories do not.
      const asFile = async (): Promise<FileType | undefined> =>
        (await read(path)) === undefined ? undefined : "regular"
      const asDirectory = async (): Promise<FileType | undefined> =>
        (await read(`${path}/default.nix`)) === undefined ? undefined : "directory"
      return path.endsWith(".nix") ? ((await asFile()) ?? asDirectory()) : ((await asDirectory()) ?? asFile())
    },
    realPath: (path) => path,
    getEnv: () => "",
    currentTime: () => Math.floor(Date.now() / 1000),
  }
}

/** Each byte that is not plain in a URL as `%XX`. */
function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9/_.~-]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)
}
