export { builtinFetchurl } from "./fetchurl.ts"
export { folderLocks } from "./locks.ts"
