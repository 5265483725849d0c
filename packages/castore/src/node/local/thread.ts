import { extname } from "node:path"
import process from "node:process"
import { Worker } from "node:worker_threads"

/**
 * Starts a thread from the file beside this one, of the same kind: sources in development, a package, a bundle. It does not
 * keep the process alive until somebody says so.
 */
export function startThread(file: string, workerData?: unknown): Worker {
  const url = new URL(`./${file}${extname(import.meta.url)}`, import.meta.url)
  // It prints nothing. Without these, Node would open our standard output as a stream, and so make a pipe non-blocking, which
  // whoever writes to it directly does not expect.
  const worker = new Worker(url, { workerData, name: file, stdout: true, stderr: true, ...execArgv() })
  worker.unref()
  return worker
}

/**
 * Threads inherit the flags of their process, `--conditions=source` among them. But a program on the command line may come
 * with `--input-type`, and no file can be started with that.
 */
function execArgv(): { readonly execArgv?: string[] } {
  if (!process.execArgv.some((flag) => flag.startsWith("--input-type"))) return {}
  return { execArgv: process.execArgv.filter((flag) => /^--(conditions|disable-warning)=/.test(flag)) }
}
