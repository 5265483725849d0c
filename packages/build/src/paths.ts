/** Paths as requests have them: relative, and without anything that is not needed. */

/** Whether `path` is in the folder `folder`, at any depth. */
export function isBelow(path: string, folder: string): boolean {
  return path.length > folder.length && path.startsWith(folder) && path[folder.length] === "/"
}

/** Those that are in no other. */
export function outermost(paths: readonly string[]): string[] {
  return paths.filter((path) => !paths.some((other) => isBelow(path, other)))
}

/** Whether the path is one of the folders, or in one. */
export function isIn(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => folder === path || isBelow(path, folder))
}
