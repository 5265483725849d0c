import { open } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"

/** What a connection is made to, as the lines of the file name it. */
export interface Connection {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/**
 * The password of a connection, as PostgreSQL's own programs find it: `$PGPASSWORD`, else in `$PGPASSFILE` or `~/.pgpass`,
 * whose lines are `host:port:database:user:password`, with `*` for anything and `\` before `:` and `\`. A file that others
 * may read is not used.
 */
export async function findPassword(
  connection: Connection,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const given = environment["PGPASSWORD"]
  if (given !== undefined && given !== "") return given
  const path = environment["PGPASSFILE"] || join(homedir(), ".pgpass")
  let text: string
  try {
    const file = await open(path)
    try {
      const { mode } = await file.stat()
      if (process.platform !== "win32" && (mode & 0o077) !== 0) return undefined
      text = await file.readFile("utf8")
    } finally {
      await file.close()
    }
  } catch {
    // Most have none, and need none.
    return undefined
  }
  return passwordIn(text, connection)
}

/** @param text of the file */
export function passwordIn(text: string, { host, port, database, user }: Connection): string | undefined {
  // Sockets are known by this name.
  const wanted = [host.startsWith("/") ? "localhost" : host, String(port), database, user]
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue
    const fields = line
      .match(/(?:\\.|[^:\\])*(?::|$)/g)
      ?.map((field) => field.replace(/:$/, "").replaceAll(/\\(.)/g, "$1"))
    if (fields === undefined || fields.length < 5) continue
    if (wanted.every((value, i) => fields[i] === "*" || fields[i] === value)) return fields[4]
  }
  return undefined
}
