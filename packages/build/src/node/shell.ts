/** A byte string as a word for a shell. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

/** For every process that builds: new files can be read by everybody, and a crash leaves no core. */
export const LAUNCH_LINES = ["umask 022", "ulimit -S -c 0"]
