/** What `eval.js` is to the compiler; the server of main.ts serves the eval package's browser bundle under that name. */
export { deeply, Evaluation, httpIo, makeGlobals, memoryIo, printValue, type EvalIO } from "@tvix-ts/eval"
