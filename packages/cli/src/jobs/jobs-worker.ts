/** The program that the workers of `tvix eval-jobs` run. It starts beside the command: see worker-process.ts. */
import { runMain } from "../main.ts"
import { serve } from "./worker.ts"

void runMain(async () => {
  await serve()
  return 0
})
