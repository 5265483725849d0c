export { openTokenFile } from "./token-file.ts"
