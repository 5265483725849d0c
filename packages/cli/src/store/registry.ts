/** The subcommands of `tvix-store`. A new one is a file in commands/, exporting `command`, and a row here. */
import type { CommandEntry, Tool } from "../commands/command.ts"
import { VERSION } from "../version.ts"
import { SHARED_OPTIONS } from "./settings.ts"

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  import: {
    summary: "put files, folders or Nix archives into the store, and print their store paths",
    load: async () => (await import("./commands/import.ts")).command,
  },
  export: {
    summary: "write what is under a store path to files and folders",
    load: async () => (await import("./commands/export.ts")).command,
  },
  nar: {
    summary: "write a store path as a Nix archive",
    load: async () => (await import("./commands/nar.ts")).command,
  },
  ls: {
    summary: "list store paths, or what is in one",
    load: async () => (await import("./commands/ls.ts")).command,
  },
  cat: {
    summary: "print files of a store path",
    load: async () => (await import("./commands/cat.ts")).command,
  },
  info: {
    summary: "print what is known of store paths: hashes, sizes, references, signatures",
    load: async () => (await import("./commands/info.ts")).command,
  },
  copy: {
    summary: "copy store paths, and what they refer to, from one store to another",
    load: async () => (await import("./commands/copy.ts")).command,
  },
  daemon: {
    summary: "serve the store to others, over gRPC",
    load: async () => (await import("./commands/daemon.ts")).command,
  },
  mount: {
    summary: "offer the store in a folder, by FUSE: files are fetched when they are read",
    load: async () => (await import("./commands/mount.ts")).command,
  },
  key: {
    summary: "make the keys that a binary cache signs with",
    load: async () => (await import("./commands/key.ts")).command,
  },
  token: {
    summary: "say who may read and write a binary cache",
    load: async () => (await import("./commands/token.ts")).command,
  },
  serve: {
    summary: "serve the store as a binary cache, which Nix reads and writes over HTTP",
    load: async () => (await import("./commands/serve.ts")).command,
  },
  root: {
    summary: "say which store paths gc has to keep",
    load: async () => (await import("./commands/root.ts")).command,
  },
  gc: {
    summary: "delete what no root leads to",
    load: async () => (await import("./commands/gc.ts")).command,
  },
  verify: {
    summary: "read everything in the store and say what is damaged or missing",
    load: async () => (await import("./commands/verify.ts")).command,
  },
  stats: {
    summary: "say what takes how much room, and how much is saved by storing equal things once",
    load: async () => (await import("./commands/stats.ts")).command,
  },
  completion: {
    summary: "print a script that completes tvix-store's command lines in your shell",
    load: async () => (await import("../commands/completion.ts")).completion("tvix-store"),
  },
}

export const TVIX_STORE: Tool = {
  name: "tvix-store",
  about: "Keeps file trees under Nix's store paths, equal contents once.",
  version: `tvix-store ${VERSION}`,
  commands: COMMANDS,
  topics: {
    stores: {
      summary: "addresses of stores, for --store, --from and --to",
      load: async () => (await import("./addresses.ts")).addressHelp(),
    },
  },
  shared: SHARED_OPTIONS,
  examples: `  tvix-store import ./src
  tvix-store ls -R /nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello
  tvix-store --store local:///srv/store daemon -l 127.0.0.1:8000`,
}
