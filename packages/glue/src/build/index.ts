export { builtinBuildenv } from "./buildenv.ts"
export { farBuilder } from "./far-builder.ts"
export { nixMessage, type NixMessage } from "./nix-message.ts"
export { planRealise, type RealisePlan } from "./plan.ts"
export { RealiseError, type RealiseProblem } from "./problem.ts"
export {
  realise,
  type BuiltinBuilder,
  type BuiltinContext,
  type Locks,
  type Realised,
  type RealiseEvent,
  type RealiseOptions,
  type Wanted,
} from "./realise.ts"
export { substitute, type SubstituteOptions } from "./substitute.ts"
