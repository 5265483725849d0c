export { bwrapBuildService, type BwrapOptions } from "./bwrap/service.ts"
export { plainBuildService, type PlainOptions } from "./plain.ts"
export { TreeFolder } from "./tree-folder.ts"
export type { Trees } from "./trees.ts"
