export { nodeIo, type NodeIoOptions } from "./io.ts"
export type { Restriction } from "./restricted.ts"
