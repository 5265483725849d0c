/**
 * Files that come with the evaluator, found as `<nix/…>` where no search path has them. Their paths are written like
 * that, too, so that they are nobody else's: those of {@link EvalIO} are absolute.
 */
import { IoError, type EvalIO } from "./io.ts"
import { canonPath } from "./text/canon-path.ts"

/**
 * What `builtin:fetchurl` is asked to download. Its parameters, and what becomes of them, are those of C++ Nix
 * (libexpr/fetchurl.nix), on which the hashes of all that is downloaded this way depend: do not change the derivation.
 */
const FETCHURL = `
{
  url,
  name ? baseNameOf (toString url),

  # Of what the hash is: a file, or, if one of these is true, the tree in which it is executable or unpacked.
  executable ? false,
  unpack ? false,

  # One of these says what to expect: "hash" names its algorithm itself.
  hash ? "",
  sha512 ? "",
  sha256 ? "",
  sha1 ? "",
  md5 ? "",
  outputHashAlgo ?
    if hash != "" then ""
    else if sha512 != "" then "sha512"
    else if sha1 != "" then "sha1"
    else if md5 != "" then "md5"
    else "sha256",
  outputHash ?
    if hash != "" then hash
    else if sha512 != "" then sha512
    else if sha1 != "" then sha1
    else if md5 != "" then md5
    else sha256,

  # Whether nobody says what to expect.
  impure ? false,

  # Of no consequence any more: whoever builds downloads by himself.
  system ? "",
}:

let
  expected = if impure then { __impure = true; } else { inherit outputHash outputHashAlgo; };
in
derivation (expected // {
  inherit name url executable unpack;
  urls = [ url ];
  outputHashMode = if executable || unpack then "recursive" else "flat";
  builder = "builtin:fetchurl";
  system = "builtin";
  preferLocalBuild = true;
  # Nobody reads them; they are part of the derivation, and so of its path.
  impureEnvVars = [ "http_proxy" "https_proxy" "ftp_proxy" "all_proxy" "no_proxy" ];
})
`

const FILES: ReadonlyMap<string, string> = new Map([["fetchurl.nix", FETCHURL]])
const PREFIX = "<nix"

export function isCorePath(path: string): boolean {
  return path.startsWith(PREFIX)
}

/** The path that `<name>` stands for, where `name` starts with `nix/`: of a core file, whether there is one or not. */
export function corePath(name: string): string {
  return `${PREFIX}${canonPath(name.slice("nix".length))}>`
}

/** Such a path as a string: seen from the folder of the core files. */
export function corePathText(path: string): string {
  return `/${nameOf(path)}`
}

/** `io` with the core files. */
export function withCoreFiles(io: EvalIO): EvalIO {
  return {
    readFile: (path) => (isCorePath(path) ? readCore(path) : io.readFile(path)),
    readDir(path) {
      if (!isCorePath(path)) return io.readDir(path)
      if (!isCoreFolder(path)) throw new IoError(`file '${path}' is not a directory`)
      return [...FILES.keys()].map((name) => [name, "regular"] as const)
    },
    fileType(path) {
      if (!isCorePath(path)) return io.fileType(path)
      return FILES.has(nameOf(path)) ? "regular" : isCoreFolder(path) ? "directory" : undefined
    },
    realPath: (path) => (isCorePath(path) ? path : io.realPath(path)),
    getEnv: (name) => io.getEnv(name),
    currentTime: () => io.currentTime(),
    ...(io.openFile && {
      openFile(path) {
        if (isCorePath(path)) throw new IoError(`cannot copy '${path}' to the store`)
        return io.openFile!(path)
      },
    }),
    ...(io.readLink && { readLink: (path) => io.readLink!(path) }),
    ...(io.isExecutable && { isExecutable: (path) => !isCorePath(path) && io.isExecutable!(path) }),
    ...(io.copyToStore && {
      copyToStore(path) {
        // The copy would be another than C++ Nix's, whose text is not ours, and nothing wants one.
        if (isCorePath(path)) throw new IoError(`cannot copy '${path}' to the store`)
        return io.copyToStore!(path)
      },
    }),
    ...(io.forget && { forget: () => io.forget!() }),
    ...(io.stamp && { stamp: (path) => (isCorePath(path) ? undefined : io.stamp!(path)) }),
    ...(io.references && { references: (path) => (isCorePath(path) ? [] : io.references!(path)) }),
    ...(io.realise && { realise: (outputs) => io.realise!(outputs) }),
    ...(io.ensureStorePath && { ensureStorePath: (path) => io.ensureStorePath!(path) }),
  }
}

function readCore(path: string): string {
  const contents = FILES.get(nameOf(path))
  if (contents === undefined) throw new IoError(`file '${path}' does not exist`)
  return contents
}
/** What is between `<nix/` and `>`. */
function nameOf(path: string): string {
  return path.slice(PREFIX.length + 1, -1)
}
/** What `dirOf` makes of a core file, and `<nix/>` itself. */
function isCoreFolder(path: string): boolean {
  return nameOf(path) === ""
}
