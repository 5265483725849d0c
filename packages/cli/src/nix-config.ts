/**
 * Nix's configuration: `nix.conf`, `$NIX_CONFIG`, `--option NAME VALUE` and `--NAME VALUE`, as far as it bears on
 * evaluation. Settings that only matter to stores and builds are known by name and do nothing.
 */
import { accessSync, constants, readFileSync } from "node:fs"
import { UsageError, type Option } from "./options.ts"
import { splitNixPath, type Settings } from "./settings.ts"

type Setting =
  | { readonly kind: "flag"; readonly set: (to: Settings, value: boolean) => void }
  | { readonly kind: "number"; readonly set: (to: Settings, value: number) => void }
  /** A number, or `auto`, which is undefined. */
  | { readonly kind: "count"; readonly set: (to: Settings, value: number | undefined) => void }
  /** `add`: the `extra-` form, which adds to what was there. */
  | { readonly kind: "list"; readonly set: (to: Settings, value: readonly string[], add: boolean) => void }
  | { readonly kind: "text"; readonly set: (to: Settings, value: string) => void }

const nothing = (): void => {}
/** Milliseconds; for ever if it is 0. */
const seconds = (value: number): number | undefined => (value === 0 ? undefined : value * 1000)

/** A list that `extra-` adds to. */
const buildList = (key: "substituters" | "trustedKeys" | "secretKeyFiles" | "features" | "sandboxPaths"): Setting => ({
  kind: "list",
  set: ({ build }, value, add) => void (build[key] = add ? [...build[key], ...value] : [...value]),
})

const SETTINGS: Readonly<Record<string, Setting>> = {
  "show-trace": { kind: "flag", set: (to, value) => void (to.showTrace = value) },
  "pure-eval": { kind: "flag", set: (to, value) => void (to.pure = value) },
  "restrict-eval": { kind: "flag", set: (to, value) => void (to.restricted = value) },
  "trace-verbose": { kind: "flag", set: (to, value) => void (to.traceVerbose = value) },
  "abort-on-warn": { kind: "flag", set: (to, value) => void (to.abortOnWarn = value) },
  "max-call-depth": { kind: "number", set: (to, value) => void (to.depthMax = value) },
  "eval-system": { kind: "text", set: (to, value) => void (to.system = value === "" ? to.system : value) },
  system: { kind: "text", set: (to, value) => void (to.system ??= value) },
  "nix-path": {
    kind: "list",
    set: (to, value, add) => void (to.nixPath = add ? [...(to.nixPath ?? []), ...value] : [...value]),
  },
  "tarball-ttl": { kind: "number", set: (to, value) => void (to.fetch.tarballTtl = value) },
  "connect-timeout": { kind: "number", set: (to, value) => void (to.fetch.connectTimeoutMs = value * 1000) },
  "stalled-download-timeout": { kind: "number", set: (to, value) => void (to.fetch.stalledTimeoutMs = value * 1000) },
  "download-attempts": { kind: "number", set: (to, value) => void (to.fetch.attemptsMax = value) },
  "http-connections": { kind: "number", set: (to, value) => void (to.fetch.connectionsMax = value) },
  "netrc-file": { kind: "text", set: (to, value) => void (to.fetch.netrcFile = value) },
  "ssl-cert-file": { kind: "text", set: (to, value) => void (to.fetch.caFile = value) },
  "user-agent-suffix": { kind: "text", set: (to, value) => void (to.fetch.userAgentSuffix = value) },
  "allow-dirty": { kind: "flag", set: (to, value) => void (to.fetch.allowDirty = value) },
  "warn-dirty": { kind: "flag", set: (to, value) => void (to.fetch.warnDirty = value) },
  "max-jobs": { kind: "count", set: (to, value) => void (to.build.jobs = value) },
  cores: { kind: "number", set: (to, value) => void (to.build.cores = value === 0 ? undefined : value) },
  "keep-going": { kind: "flag", set: (to, value) => void (to.build.keepGoing = value) },
  "keep-failed": { kind: "flag", set: (to, value) => void (to.build.keepFailed = value) },
  timeout: { kind: "number", set: (to, value) => void (to.build.timeoutMs = seconds(value)) },
  "max-silent-time": { kind: "number", set: (to, value) => void (to.build.silenceMs = seconds(value)) },
  "max-build-log-size": {
    kind: "number",
    set: (to, value) => void (to.build.logBytesMax = value === 0 ? undefined : value),
  },
  substituters: buildList("substituters"),
  "trusted-public-keys": buildList("trustedKeys"),
  "secret-key-files": buildList("secretKeyFiles"),
  "system-features": buildList("features"),
  "extra-platforms": { kind: "list", set: (to, value) => void (to.build.platforms = [...value]) },
  "hashed-mirrors": { kind: "list", set: (to, value) => void (to.build.hashedMirrors = [...value]) },
  "sandbox-paths": buildList("sandboxPaths"),
  "allow-import-from-derivation": { kind: "flag", set: (to, value) => void (to.importFromDerivation = value) },
  "keep-derivations": { kind: "flag", set: (to, value) => void (to.keepDerivations = value) },
  "allowed-uris": {
    kind: "list",
    set: (to, value, add) => void (to.allowedUris = add ? [...to.allowedUris, ...value] : [...value]),
  },
  "experimental-features": {
    kind: "list",
    set: (to, value, add) => {
      if (!add) to.features = new Set()
      for (const feature of value) to.features.add(feature)
    },
  },
}
const IGNORED: Readonly<Record<Exclude<Setting["kind"], "count">, readonly string[]>> = {
  flag: [
    "accept-flake-config", "allow-new-privileges", "always-allow-substitutes",
    "auto-allocate-uids", "auto-optimise-store", "builders-use-substitutes", "compress-build-log", "debugger-on-trace",
    "eval-cache", "eval-profiler", "fallback", "fsync-metadata", "http2", "ignore-try", "impersonate-linux-26", "keep-build-log",
    "keep-env-derivations", "keep-outputs", "preallocate-contents",
    "print-missing", "require-drop-supplementary-groups", "require-sigs", "run-diff-hook", "sandbox-fallback",
    "substitute", "sync-before-registering", "trace-function-calls", "trace-import-from-derivation", "trust-tarballs-from-git-forges",
    "use-case-hack", "use-cgroups", "use-registries", "use-sqlite-wal", "use-xdg-base-directories",
    "lint-absolute-path-literals", "lint-short-path-literals", "lint-url-literals",
  ],
  number: [
    "build-poll-interval", "download-buffer-size", "download-speed",
    "filter-syscalls", "gc-reserved-space", "log-lines", "max-free",
    "max-substitution-jobs", "min-free", "min-free-check-interval", "nar-buffer-size",
    "narinfo-cache-negative-ttl", "narinfo-cache-positive-ttl",
    "warn-large-path-threshold",
  ],
  list: [
    "access-tokens", "allowed-impure-host-deps", "allowed-users", "commit-lockfile-summary",
    "impure-env", "plugin-files", "trusted-substituters", "trusted-users",
  ],
  text: [
    "bash-prompt", "bash-prompt-prefix", "bash-prompt-suffix", "build-dir", "build-hook", "build-users-group", "builders",
    "diff-hook", "flake-registry", "json-log-path", "nix-shell-always-looks-for-shell-nix",
    "nix-shell-shebang-arguments-relative-to-script", "post-build-hook", "pre-build-hook", "sandbox", "sandbox-build-dir",
    "sandbox-dev-shm-size", "store", "upgrade-nix-store-path-url",
  ],
} // prettier-ignore

function find(name: string): { readonly setting: Setting; readonly add: boolean } | undefined {
  const add = name.startsWith("extra-") && name !== "extra-platforms"
  const plain = add ? name.slice("extra-".length) : name
  if (Object.hasOwn(SETTINGS, plain)) {
    const setting = SETTINGS[plain]!
    return add && setting.kind !== "list" ? undefined : { setting, add }
  }
  for (const [kind, names] of Object.entries(IGNORED)) {
    if (names.includes(plain)) return { setting: { kind: kind as keyof typeof IGNORED, set: nothing }, add }
  }
  return undefined
}

/** Whether there is such a setting. @throws {UsageError} if it does not take that value */
export function applySetting(to: Settings, name: string, value: string): boolean {
  const found = find(name)
  if (found === undefined) return false
  const { setting, add } = found
  const invalid = (): never => {
    const kind = setting.kind === "flag" ? "Boolean setting" : "setting"
    throw new UsageError(`${kind} '${name}' has invalid value '${value}'`)
  }
  switch (setting.kind) {
    case "flag": {
      const truth = /^(?:true|yes|1)$/.test(value) ? true : /^(?:false|no|0)$/.test(value) ? false : invalid()
      setting.set(to, truth)
      return true
    }
    case "number": {
      const number = Number(value)
      // What the store-only settings take, such as `max-jobs = auto`, is not for us to judge.
      setting.set(
        to,
        /^[0-9]+$/.test(value) && Number.isSafeInteger(number) ? number : setting.set === nothing ? 0 : invalid(),
      )
      return true
    }
    case "count":
      setting.set(to, value === "auto" ? undefined : /^[0-9]{1,9}$/.test(value) ? Number(value) : invalid())
      return true
    case "list":
      setting.set(
        to,
        value.split(/[ \t\n]+/).filter((word) => word !== ""),
        add,
      )
      return true
    case "text":
      setting.set(to, value)
      return true
  }
}

/** Applies the configuration files and `$NIX_CONFIG`. What cannot be read or understood is left out. */
export function applyConfiguration(
  to: Settings,
  env: Readonly<Record<string, string | undefined>> = process.env,
): void {
  const config = env["XDG_CONFIG_HOME"] ?? (env["HOME"] === undefined ? undefined : `${env["HOME"]}/.config`)
  const user = env["NIX_USER_CONF_FILES"]?.split(":") ?? (config === undefined ? [] : [`${config}/nix/nix.conf`])
  for (const file of [`${env["NIX_CONF_DIR"] ?? "/etc/nix"}/nix.conf`, ...user.reverse()])
    applyText(to, readIfThere(file))
  applyText(to, env["NIX_CONFIG"] ?? "")
  // Keys of the machine's own store are for its administrator to read.
  to.build.secretKeyFiles = to.build.secretKeyFiles.filter(isReadable)
  if (/^(?:1|yes|true)$/.test(env["NIX_ABORT_ON_WARN"] ?? "")) to.abortOnWarn = true
  // An empty NIX_PATH counts: it means no search path at all.
  if (env["NIX_PATH"] !== undefined) to.nixPath = splitNixPath(env["NIX_PATH"])
}

function applyText(to: Settings, text: string): void {
  for (const line of text.split("\n")) {
    const [, name, value] = /^\s*([a-z0-9-]+)\s*=\s*(.*?)\s*$/.exec(line.replace(/#.*/, "")) ?? []
    if (name === undefined || value === undefined) continue
    try {
      applySetting(to, name, value)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
    }
  }
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** `--NAME VALUE` for each setting, and `--NAME`, `--no-NAME` for those that are true or false. */
export function settingOptions<S extends Settings>(): Option<S>[] {
  const all = [
    ...Object.entries(SETTINGS).map(([name, { kind }]) => ({ name, kind })),
    ...Object.entries(IGNORED).flatMap(([kind, names]) => names.map((name) => ({ name, kind }))),
  ]
  return all.flatMap(({ name, kind }): Option<S>[] => {
    if (kind === "flag") {
      return [
        { names: [`--${name}`], values: [], set: (to) => void applySetting(to, name, "true") },
        { names: [`--no-${name}`], values: [], set: (to) => void applySetting(to, name, "false") },
      ]
    }
    const names = kind === "list" ? [name, `extra-${name}`] : [name]
    return names.map((each) => ({
      names: [`--${each}`],
      values: ["VALUE"],
      set: (to, value) => void applySetting(to, each, value),
    }))
  })
}
