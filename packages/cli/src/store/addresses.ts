/** `tvix-store help stores` */
import { storeAddress, storeSettings } from "./settings.ts"

export function addressHelp(): string {
  return `Addresses of stores, for --store, --from and --to

  local:///DIR             in a folder of this machine, which is made if it is not there: packs of chunks, and SQLite
                           databases. Any number of processes may use it at the same time. A path alone means the same.
  grpc+http://HOST:PORT    of a server: tvix-store daemon -l HOST:PORT, or another program that serves tvix.castore.v1
                           and tvix.store.v1
  grpc+unix:///SOCKET      of a server on this machine: tvix-store daemon -l unix:/SOCKET
  memory:                  empty, and gone when the command ends
  cache(NEAR,FAR)          two addresses: what is read from FAR is kept in NEAR and read there the next time; what is
                           written goes to FAR. Quote it, for the shell's sake.

Without --store, $TVIX_STORE is the address; without that, the store in your data directory. Now it is
  ${storeAddress(storeSettings())}

Examples:
  tvix-store --store ./store import ./src
  tvix-store copy --from local:///srv/store --to grpc+http://build.example.org:8000 --all
  TVIX_STORE='cache(local:///var/cache/tvix,grpc+http://build.example.org:8000)' tvix-store ls
`
}
