/** `tvix-store help stores` */
import { CACHE_OPTIONS } from "@tvix-ts/store/node"
import { storeAddress, storeSettings } from "./settings.ts"

export function addressHelp(): string {
  return `Addresses of stores, for --store, --from and --to

  local:///DIR             in a folder of this machine, which is made if it is not there: packs of chunks, and SQLite
                           databases. Any number of processes may use it at the same time. A path alone means the same.
  grpc+http://HOST:PORT    of a server: tvix-store daemon -l HOST:PORT, or another program that serves tvix.castore.v1
                           and tvix.store.v1
  grpc+unix:///SOCKET      of a server on this machine: tvix-store daemon -l unix:/SOCKET
  nix+https://HOST[/PATH][?OPTIONS], nix+http://…
                           of a binary cache, as Nix has them: tvix-store serve, https://cache.nixos.org, any web server
                           with the files that nix copy writes. What it says is believed if somebody trusted has
                           signed it. Trees are put into NEAR of cache(NEAR,nix+https://…), or else into a temporary
                           folder while the command runs. OPTIONS are below; quote them.
  nix+file:///DIR[?OPTIONS]
                           of a binary cache in a folder, as nix copy --to file:///DIR writes it
  s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME&profile=NAME&style=path|host&anonymous=true]
                           in a bucket of a service that speaks as Amazon S3 does, with nothing beside it. Credentials
                           are in the environment or in ~/.aws/credentials, never part of the address.
  postgres://[USER@]HOST/DATABASE[?schema=NAME&sslmode=disable|require|verify-full]
                           directories and path infos, for parts(…); for a socket postgres:///DATABASE?host=/FOLDER.
                           The password is $PGPASSWORD, or in ~/.pgpass.
  parts(blobs=A,directories=B,pathinfos=C)
                           three addresses: of each, that part. Quote it.
  memory:                  empty, and gone when the command ends
  cache(NEAR,FAR)          two addresses: what is read from FAR is kept in NEAR and read there the next time; what is
                           written goes to FAR. There may be several FAR if all are binary caches: they are asked in the
                           order of their priorities. Quote it, for the shell's sake.

Options of binary caches, NAME=VALUE with & between them:

${cacheOptions()}

A cache that wants to know who writes gets the token in $TVIX_CACHE_TOKEN, unless another is named. It is never part
of the address.

Without --store, $TVIX_STORE is the address; without that, the store in your data directory. Now it is
  ${storeAddress(storeSettings())}

Examples:
  tvix-store --store ./store import ./src
  tvix-store copy --from local:///srv/store --to grpc+http://build.example.org:8000 --all
  tvix-store copy --from 'nix+https://cache.example.org?trusted-public-keys=example-1:mq0N…' \\
    s66mzxpvicwk07gjbjfw9izjfa797vsw-hello
  TVIX_CACHE_TOKEN=… tvix-store copy --to nix+https://cache.example.org --all
  TVIX_STORE='cache(local:///var/cache/tvix,grpc+http://build.example.org:8000)' tvix-store ls
`
}

function cacheOptions(): string {
  const options = Object.entries(CACHE_OPTIONS)
  return options.map(([name, { value, summary }]) => `  ${`${name}=${value}`.padEnd(30)}  ${summary}`).join("\n")
}
