import { stat } from "node:fs/promises"
import { FetchError } from "../../fetch/problem.ts"

/** Of what is at `path`, a byte string, if that can be no archive: what people do wrong, in plain words. */
export async function checkArchiveFile(path: string): Promise<void> {
  const what = await kindOf(path)
  if (what === "nothing") throw new FetchError({ code: "archive-missing", path })
  if (what === "directory") {
    const repository = (await kindOf(`${path}/.git`)) !== "nothing"
    throw new FetchError({ code: "archive-is-directory", path, repository })
  }
}

async function kindOf(path: string): Promise<"nothing" | "directory" | "other"> {
  try {
    return (await stat(Buffer.from(path, "latin1"))).isDirectory() ? "directory" : "other"
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Of what may not be looked at, opening it says so.
    return code === "ENOENT" || code === "ENOTDIR" ? "nothing" : "other"
  }
}
