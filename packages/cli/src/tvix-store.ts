#!/usr/bin/env node
import { runMain } from "./main.ts"
import { TVIX_STORE } from "./store/registry.ts"
import { runTool } from "./tool.ts"

void runMain((words) => runTool(TVIX_STORE, words))
