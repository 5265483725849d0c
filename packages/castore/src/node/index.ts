export { DiskError, type DiskProblem, type DiskWork, type SpecialFile } from "./disk/problem.ts"
export { readTree, type EntryKind, type ReadTreeOptions, type TreeProgress } from "./disk/read-tree.ts"
export { WriteTree } from "./disk/write-tree.ts"
