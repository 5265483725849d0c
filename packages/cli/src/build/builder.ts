/** What a command that builds needs, put together from its settings, and taken apart in the end. */
import { byteStringOf, textOf } from "@tvix-ts/bytes"
import { GrpcChannel, makeFolder } from "@tvix-ts/castore/node"
import type { BuildService } from "@tvix-ts/build"
import {
  bwrapBuildService,
  grpcBuildService,
  plainBuildService,
  reapiBuildService,
  type Trees,
} from "@tvix-ts/build/node"
import {
  builtinBuildenv,
  farBuilder,
  planRealise,
  realise,
  substitute,
  type Realised,
  type RealiseOptions,
  type RealisePlan,
  type Wanted,
} from "@tvix-ts/glue/build"
import { BuildLogs, builtinFetchurl, builtinUnpackChannel, folderLocks } from "@tvix-ts/glue/build/node"
import type { Download } from "@tvix-ts/glue/node"
import { parseStorePath, type StorePath } from "@tvix-ts/nix-compat"
import type { Store } from "@tvix-ts/store"
import { grpcTarget, openStore } from "@tvix-ts/store/node"
import { CastoreError } from "@tvix-ts/castore"
import { accessSync, constants, cpSync, existsSync, mkdtempSync, renameSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readSecretKey } from "../secret-key.ts"
import { SYSTEM } from "../session.ts"
import type { Settings } from "../settings.ts"
import { isLocal } from "../store/local-store.ts"
import { buildFolder, keptFolder, logFolder, workFolder } from "./folders.ts"
import { openPlaces, type Places } from "./places.ts"
import { sandboxPath } from "./sandbox-path.ts"

export interface BuilderContext {
  readonly settings: Settings
  readonly store: Store
  readonly readDerivation: RealiseOptions["readDerivation"]
  readonly download: Download
  readonly onEvent: NonNullable<RealiseOptions["onEvent"]>
  readonly signal: AbortSignal | undefined
}

export interface Builder {
  /** Where what was built can be used. */
  readonly places: Places
  /** @param check to build once more what is there, and compare */
  realise(wanted: readonly Wanted[], check?: boolean): Promise<Realised>
  /** Copies a store path, and what it refers to, from whoever has it; whether it is there now. */
  fetch(path: StorePath): Promise<boolean>
  /** @param paths others that have to be there, byte strings */
  plan(wanted: readonly Wanted[], paths?: readonly string[]): Promise<RealisePlan>
}

/** Runs `work` with a builder, which is gone afterwards. */
export async function withBuilder<T>(context: BuilderContext, work: (builder: Builder) => Promise<T>): Promise<T> {
  const { settings, store, download, readDerivation, signal } = context
  const { cores, keepGoing, keepFailed, features, platforms, secretKeyFiles, hashedMirrors, ...limits } = settings.build
  const folder = buildFolder(store)
  const closing: { close(): Promise<void> }[] = []
  const closed = <C extends { close(): Promise<void> }>(one: C): C => {
    closing.push(one)
    return one
  }
  try {
    const places = closed(await openPlaces(store))
    const substituters: Store[] = []
    for (const address of substituterAddresses(settings)) {
      checkThere(address)
      substituters.push(closed(await openStore(address)))
    }
    const base = { store, readDerivation, substituters, ...(signal !== undefined && { signal }) }
    const logs = new BuildLogs(logFolder(store))
    return await work({
      places,
      plan: (wanted, paths) => planRealise(wanted, base, paths),
      fetch: (path) => substitute(path, { ...base, onEvent: context.onEvent }),
      async realise(wanted, check = false) {
        const keys = secretKeyFiles.map(readSecretKey)
        // From here on nothing is collected that we were told is there. What can only be read is not collected by us.
        if (isLocal(store) && isWritable(store.dir)) await store.castore.startWriting()
        const builder = closed(await openBuilder(settings.build, store, places.trees, closed))
        return realise(wanted, {
          ...base,
          ...defined(limits),
          builder,
          builtins: new Map([
            ["builtin:buildenv", builtinBuildenv],
            ["builtin:fetchurl", builtinFetchurl(download, hashedMirrors)],
            ["builtin:unpack-channel", builtinUnpackChannel],
          ]),
          locks: folderLocks(join(folder, "locks")),
          jobs: jobsOf(settings),
          cores: cores ?? availableParallelism(),
          keepGoing,
          ...(keepFailed && { keepFailed: (derivation, from) => keep(keptFolder(folder), derivation, from) }),
          check,
          systems: [settings.system ?? SYSTEM, ...platforms],
          unsandboxed: settings.build.builder === "plain",
          features,
          keys,
          impure: (name) => {
            const value = process.env[textOf(name)]
            return value === undefined ? undefined : byteStringOf(value)
          },
          onEvent(event) {
            logs.event(event)
            context.onEvent(event)
          },
        })
      },
    })
  } finally {
    for (const one of closing.reverse()) await one.close()
  }
}

/** The builder at an address, or this machine: its sandboxes unless it is to build without. */
async function openBuilder(
  { builder: address, sandboxPaths }: Settings["build"],
  store: Store,
  trees: Trees,
  closed: <C extends { close(): Promise<void> }>(one: C) => C,
): Promise<BuildService> {
  const local = { ...store, trees, dir: workFolder(buildFolder(store)) }
  if (address === undefined) return bwrapBuildService({ ...local, sandboxPaths: sandboxPaths.map(sandboxPath) })
  if (address === "plain") return plainBuildService(local)
  const [, host, instanceName = ""] = /^reapi\+grpc:\/\/([^/?#]+:\d{1,5})(?:\/([^?#]*))?$/.exec(address) ?? []
  if (host !== undefined) return reapiBuildService({ ...store, channel: new GrpcChannel(host), instanceName })
  const target = grpcTarget(address)
  // What it builds from, and into, is the castore of the same server.
  const far = closed(await openStore(address))
  return farBuilder(grpcBuildService(new GrpcChannel(target)), store, far)
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Takes the folder of a failed build to one of its own below `folder`. */
function keep(folder: string, derivation: string, from: string): string {
  makeFolder(folder)
  const path = mkdtempSync(join(folder, `${textOf(parseStorePath(derivation).name)}-`))
  try {
    renameSync(from, path)
  } catch (error) {
    // Without a sandbox it may be on another disk.
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error
    cpSync(from, path, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
  }
  return path
}

/** Whoever lets this machine build nothing lets others. */
function jobsOf({ build: { jobs, builder } }: Settings): number {
  return jobs === undefined || (jobs === 0 && builder !== undefined) ? availableParallelism() : jobs
}

/** Those limits that there are. */
function defined(limits: Pick<Settings["build"], "timeoutMs" | "silenceMs" | "logBytesMax">) {
  const { timeoutMs, silenceMs, logBytesMax } = limits
  return {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(silenceMs !== undefined && { silenceMs }),
    ...(logBytesMax !== undefined && { logBytesMax }),
  }
}

/** Opening a store in a folder that is not there makes one: of a substituter it can only be a mistake. */
function checkThere(address: string): void {
  const isPath = !/^(?:[A-Za-z][A-Za-z0-9+.-]+:|cache\(|parts\()/.test(address)
  if (!isPath && !/^local:\/\/\/[^?#]*$/.test(address)) return
  const folder = isPath ? address : fileURLToPath(address.replace("local:", "file:"))
  if (existsSync(folder)) return
  throw new CastoreError({ code: "invalid", field: `substituter '${address}'`, reason: "there is no such folder" })
}

/** C++ Nix writes `https://cache.example.org`, and the keys elsewhere. */
function substituterAddresses({ build: { substituters, trustedKeys } }: Settings): string[] {
  return substituters.map((address) => {
    if (!/^https?:\/\//.test(address)) return address
    const url = new URL(`nix+${address}`)
    if (!url.searchParams.has("trusted-public-keys") && trustedKeys.length > 0) {
      url.searchParams.set("trusted-public-keys", trustedKeys.join(" "))
    }
    return url.href
  })
}
