/** `tvix-store daemon` */
import { existsSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { byteStringOf } from "@tvix-ts/bytes"
import { CastoreError } from "@tvix-ts/castore"
import type { GrpcService } from "@tvix-ts/castore/node"
import type { Store } from "@tvix-ts/store"
import type { Command, Tool } from "../../commands/command.ts"
import { readOptions } from "../../commands/usage.ts"
import { UsageError, type Option } from "../../options.ts"
import { writeError, writeOut } from "../../output.ts"
import { sandboxPathOption } from "../../build/options.ts"
import { buildFolder, treeFolder, workFolder } from "../../build/folders.ts"
import { startServing } from "../serving.ts"
import { withStore } from "../session.ts"
import { SHARED_OPTIONS, storeAddress, storeSettings, type StoreSettings } from "../settings.ts"

interface DaemonSettings extends StoreSettings {
  listen: string | undefined
  build: boolean
  readonly sandboxPaths: string[]
}

const OPTIONS: readonly Option<DaemonSettings>[] = [
  {
    names: ["-l", "--listen"],
    values: ["ADDR"],
    summary: "where to be reached: 127.0.0.1:8000, [::]:8000 (port 0 is any that is free), unix:/run/tvix.sock",
    set: (to, address) => void (to.listen = address),
  },
  {
    names: ["--build"],
    values: [],
    summary: "build for others as well, in a sandbox: what tvix build --builder asks for",
    set: (to) => void (to.build = true),
  },
  sandboxPathOption((to) => to.sandboxPaths),
  ...SHARED_OPTIONS,
]

/** How long calls may go on after a signal. */
const FAREWELL_MS = 10_000

async function run(words: readonly string[], tool: Tool): Promise<number> {
  const settings: DaemonSettings = { ...storeSettings(), listen: undefined, build: false, sandboxPaths: [] }
  const operands = await readOptions(tool, "daemon", words, OPTIONS, settings)
  if (typeof operands === "number") return operands
  return withStore(tool, "daemon", settings, async (store, session) => {
    if (settings.listen === undefined || operands.length > 0) throw new UsageError("say where to listen with -l, alone")
    const address = listenAddress(settings.listen)
    const { serveStore } = await import("@tvix-ts/store/node")
    const stopServing = await startServing(store)
    const builder = settings.build ? await openBuilder(store, settings) : undefined
    const server = await serveStore(store, {
      address,
      services: builder?.services ?? [],
      onInternalError: (error) => writeError(byteStringOf(`internal error: ${String(error)}\n`)),
    })
    // As other commands take it, for --store. Whoever started us may wait for the line.
    writeOut(byteStringOf(`${storeUrl(server.address)}\n`))
    session.note(`serving ${storeAddress(settings)}; Ctrl-C ends it`)
    const { signal } = session
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener("abort", () => resolve(), { once: true })
    })
    await server.close(FAREWELL_MS)
    await builder?.close()
    await stopServing()
    return 0
  })
}

/** Builds for others: whatever they ask for, of what is in the store. */
async function openBuilder(
  store: Store,
  { sandboxPaths }: DaemonSettings,
): Promise<{ services: readonly GrpcService[]; close: () => Promise<void> }> {
  const { buildServices, bwrapBuildService, TreeFolder } = await import("@tvix-ts/build/node")
  const { sandboxPath } = await import("../../build/sandbox-path.ts")
  const folder = buildFolder(store)
  const trees = await TreeFolder.open(treeFolder(folder), store)
  const builder = await bwrapBuildService({
    ...store,
    trees,
    dir: workFolder(folder),
    sandboxPaths: sandboxPaths.map(sandboxPath),
  })
  return {
    services: buildServices(builder),
    async close() {
      await builder.close()
      await trees.close()
    },
  }
}

/** Addresses that clients use are taken as well. */
function listenAddress(text: string): string {
  const address = parseListenAddress(text)
  const [, socket] = /^unix:(.*)$/s.exec(address) ?? []
  // What the system says of it names another file, and another reason.
  if (socket !== undefined && !existsSync(dirname(resolve(socket)))) {
    throw new CastoreError({ code: "invalid", field: `'${text}'`, reason: "the folder of the socket is not there" })
  }
  return address
}

function parseListenAddress(text: string): string {
  const [, host] = /^grpc\+http:\/\/([^/]+)\/?$/.exec(text) ?? []
  if (host !== undefined) return host
  const [, socket] = /^(?:grpc\+)?unix:(?:\/\/(?=\/))?(.+)$/s.exec(text) ?? []
  if (socket !== undefined) return `unix:${text.startsWith("grpc+") ? decodeURIComponent(socket) : socket}`
  if (text.startsWith("/")) return `unix:${text}`
  if (!/^(?:\[[0-9A-Fa-f:.]+\]|[^:/[\]]+):[0-9]{1,5}$/.test(text)) {
    throw new UsageError(`'${text}' is no address: it looks like 127.0.0.1:8000, [::]:8000 or unix:/run/tvix.sock`)
  }
  const port = text.slice(text.lastIndexOf(":") + 1)
  if (Number(port) > 65_535) throw new UsageError(`${port} is no port: the last is 65535`)
  return text
}

function storeUrl(address: string): string {
  const [, socket] = /^unix:(.*)$/s.exec(address) ?? []
  if (socket === undefined) return `grpc+http://${address}`
  const path = socket.startsWith("/") ? socket : `${process.cwd()}/${socket}`
  return `grpc+unix://${path.split("/").map(encodeURIComponent).join("/")}`
}

export const command: Command = {
  usage: "tvix-store daemon -l ADDR [OPTION...]",
  details: `Serves tvix.castore.v1 and tvix.store.v1, the same under snix's names, reflection and health, until SIGINT or SIGTERM;
calls that are running then have ten seconds to end. Prints its address, as --store takes it, when it is ready. There is
no encryption and no password: serve to those you trust.

Examples:
  tvix-store daemon -l 127.0.0.1:8000
  tvix-store --store local:///srv/store daemon -l unix:/run/tvix-store.sock
  tvix-store --store grpc+http://127.0.0.1:8000 ls`,
  options: OPTIONS,
  operands: "none",
  run,
}
