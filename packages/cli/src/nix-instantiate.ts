#!/usr/bin/env node
import { runMain } from "./main.ts"
import { throughWarmProcess } from "./warm/client.ts"

void runMain(
  async (words) =>
    (await throughWarmProcess("nix-instantiate", words)) ??
    (await import("./nix-instantiate-command.ts")).nixInstantiate(words),
)
