export { builtinFetchurl } from "./fetchurl.ts"
export { BuildLogs } from "./logs.ts"
export { folderLocks } from "./locks.ts"
export { builtinUnpackChannel } from "./unpack-channel.ts"
