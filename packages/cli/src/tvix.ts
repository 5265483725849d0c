#!/usr/bin/env node
import { TVIX } from "./commands/registry.ts"
import { runMain } from "./main.ts"
import { runTool } from "./tool.ts"

void runMain((words) => runTool(TVIX, words))
