import { accessSync, constants, statSync } from "node:fs"
import { delimiter, join } from "node:path"
import process from "node:process"

/** Where the program of that name is: the first of `PATH`, and then of where systems have them. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
  return folders
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => join(folder, name))
    .find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The kinds of machine, in Nix's words, whose programs this one runs: its own first. */
export function nativeSystems(): readonly string[] {
  const system = SYSTEMS[process.arch]
  return system === undefined || process.platform !== "linux" ? [] : system
}

const SYSTEMS: Readonly<Record<string, readonly string[]>> = {
  x64: ["x86_64-linux", "i686-linux"],
  arm64: ["aarch64-linux"],
  riscv64: ["riscv64-linux"],
  loong64: ["loongarch64-linux"],
  ppc64: ["powerpc64le-linux"],
  s390x: ["s390x-linux"],
}
