export { base64Digit, decodeBase64, encodeBase64 } from "./base64.ts"
export { byteStringFrom, byteStringOf, bytesOf, isUtf8, textOf, utf8 } from "./byte-string.ts"
export { compare, concat, equal } from "./bytes.ts"
export { decodeHex, encodeHex, hexDigit } from "./hex.ts"
