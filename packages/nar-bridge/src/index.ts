export {
  memoryTokens,
  presentedSecret,
  type CreatedToken,
  type NewToken,
  type Right,
  type Token,
  type TokenRegistry,
  type Tokens,
} from "./tokens.ts"
