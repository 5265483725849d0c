#!/usr/bin/env node
import { runMain } from "./main.ts"
import { throughWarmProcess } from "./warm/client.ts"

void runMain(
  async (words) => (await throughWarmProcess("tvix", words)) ?? (await import("./tvix-command.ts")).tvix(words),
)
