/** What `eval.js` is to the compiler; the server of main.ts serves the eval package's browser bundle under that name. */
export { deeply, Evaluation, makeGlobals, memoryIo, printValue } from "@tvix-ts/eval"
