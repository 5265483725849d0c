export type { PathInfo } from "./path-info/path-info.ts"
export type { NarCalculation, PathInfoService } from "./path-info/service.ts"
