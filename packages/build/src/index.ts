export { checkRequest } from "./check.ts"
export { BuildError, type BuildProblem } from "./problem.ts"
export type { BuildConstraints, BuildRequest } from "./request.ts"
export type { BuildOptions, BuildOutput, BuildService } from "./service.ts"
