export { nodeIo, type NodeIoOptions } from "./io.ts"
