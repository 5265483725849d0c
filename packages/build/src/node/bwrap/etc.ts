import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { BuildConstraints } from "../../request.ts"
import { SANDBOX_GID, SANDBOX_UID } from "./arguments.ts"

/** As C++ Nix writes them into its sandboxes (libstore: local derivation builds): some programs print their user. */
const PASSWD = `root:x:0:0:Nix build user:/build:/noshell
nixbld:x:${SANDBOX_UID}:${SANDBOX_GID}:Nix build user:/build:/noshell
nobody:x:65534:65534:Nobody:/:/noshell
`
const GROUP = `root:x:0:
nixbld:!:${SANDBOX_GID}:
nogroup:x:65534:
`
const HOSTS = `127.0.0.1 localhost
::1 localhost
`
/** What every build has, by name. */
export const ETC_FILES: readonly (readonly [name: string, text: string])[] = [
  ["passwd", PASSWD],
  ["group", GROUP],
  ["hosts", HOSTS],
]
/** Names are looked up in files and by DNS, whatever else the machine asks: its other ways need its own programs. */
const NSSWITCH = `hosts: files dns
services: files
`

/** What the network needs of the machine, where the machine has it. */
const NETWORK_FILES = ["resolv.conf", "services"]
const CERTIFICATES = ["ssl/certs/ca-certificates.crt", "ssl/certs/ca-bundle.crt", "pki/tls/certs/ca-bundle.crt"]

/** Makes `folder`, to be a build's `/etc`. */
export function writeEtc(folder: string, { network }: BuildConstraints): string {
  mkdirSync(folder)
  const write = (name: string, text: string | Uint8Array): void => {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), 0o644)
  }
  for (const [name, text] of ETC_FILES) write(name, text)
  if (network) {
    write("hosts", fileOf("/etc/hosts") ?? HOSTS)
    write("nsswitch.conf", NSSWITCH)
    for (const name of NETWORK_FILES) {
      const contents = fileOf(join("/etc", name))
      if (contents !== undefined) write(name, contents)
    }
    const certificates = CERTIFICATES.map((name) => fileOf(join("/etc", name))).find((file) => file !== undefined)
    if (certificates !== undefined) {
      for (const below of ["ssl", "ssl/certs"]) {
        mkdirSync(join(folder, below))
        chmodSync(join(folder, below), 0o755)
      }
      write("ssl/certs/ca-certificates.crt", certificates)
    }
  }
  chmodSync(folder, 0o755)
  return folder
}

/** Copied, as links like that of systemd's resolver lead out of any sandbox. */
function fileOf(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
