/** Programs with something wrong, and what is to be said of it. */
export interface BadInput {
  readonly what: string
  /** `@dir@` is a folder with `repo`, a Git repository, and `archive.tar.gz`. */
  readonly program: string
  /** What C++ Nix and we say last, in part. */
  readonly message: string
  /** Where, as `line:column` of the program: of the problem itself, or of the innermost step that has a place. */
  readonly at: string
  /** Only in pure evaluation. */
  readonly pure?: boolean
}

const DERIVATION = 'name = "x"; system = "x86_64-linux"; builder = "/bin/sh";'
const WRONG = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

export const CASES: readonly BadInput[] = [
  {
    what: "an output that a derivation does not have",
    program: `let d = derivation { ${DERIVATION} }; in\nderivation { ${DERIVATION} a = d.dev; }`,
    message: "attribute 'dev' missing",
    at: "2:76",
  },
  {
    what: "the same, in the name of an output",
    program: `derivation {\n  ${DERIVATION}\n  outputs = [ "out" "out" ];\n}`,
    message: "duplicate derivation output 'out'",
    at: "3:3",
  },
  {
    what: "a hash that is too short",
    program: `derivation {\n  ${DERIVATION}\n  outputHash = "abc"; outputHashAlgo = "sha256";\n}`,
    message: "hash 'abc' has wrong length for hash algorithm 'sha256'",
    at: "2:3",
  },
  {
    what: "a hash of an algorithm that there is not",
    program: `derivation {\n  ${DERIVATION}\n  outputHash = "crc32-abc";\n}`,
    message: "unknown hash algorithm 'crc32'",
    at: "2:3",
  },
  {
    what: "an argument that is missing",
    program: `let package = { stdenv, fetchurl }: 1; in\npackage { stdenv = 1; }`,
    message: "function 'package' called without required argument 'fetchurl'",
    at: "1:15",
  },
  {
    what: "an attribute that derivations need",
    program: `derivation {\n  name = "x"; builder = "/bin/sh";\n}`,
    message: "required attribute 'system' missing",
    at: "2:3",
  },
  {
    what: "a name with a character that is not allowed",
    program: `derivation {\n  name = "a b"; system = "x"; builder = "y";\n}`,
    message: "name 'a b' contains illegal character ' '",
    at: "2:3",
  },
  {
    what: "the name of a file with one",
    program: `builtins.toFile "a/b" ""`,
    message: "name 'a/b' contains illegal character '/'",
    at: "1:1",
  },
  {
    what: "a file that is not there",
    program: `derivation { ${DERIVATION}\n  src = ./nowhere; }`,
    message: "nowhere' does not exist",
    at: "2:3",
  },
  {
    what: "a path outside of what pure evaluation may see",
    program: `derivation { ${DERIVATION}\n  src = builtins.readFile /etc/hostname; }`,
    message: "access to absolute path '/etc/hostname' is forbidden in pure evaluation mode",
    at: "2:3",
    pure: true,
  },
  {
    what: "a revision that a repository does not have",
    program: `builtins.fetchGit {\n  url = "file://@dir@/repo"; rev = "0123456789012345678901234567890123456789"; allRefs = true;\n}`,
    message: "0123456789012345678901234567890123456789",
    at: "1:1",
  },
  {
    what: "a branch that a repository does not have",
    program: `builtins.fetchGit {\n  url = "file://@dir@/repo"; ref = "no-such-branch";\n}`,
    message: "no-such-branch",
    at: "1:1",
  },
  {
    what: "an archive with another hash",
    program: `builtins.fetchTarball {\n  url = "file://@dir@/archive.tar.gz"; sha256 = "${WRONG}";\n}`,
    message: "hash mismatch in file downloaded from 'file://@dir@/archive.tar.gz':",
    at: "1:1",
  },
  {
    what: "a file with another hash",
    program: `builtins.fetchurl {\n  url = "file://@dir@/archive.tar.gz"; sha256 = "${WRONG}";\n}`,
    message: "hash mismatch in file downloaded from 'file://@dir@/archive.tar.gz':",
    at: "1:1",
  },
  {
    what: "sources with another hash",
    program: `builtins.path {\n  path = ./repo/file; sha256 = "${WRONG}";\n}`,
    message: "store path mismatch in (possibly filtered) path added from",
    at: "1:1",
  },
  {
    what: "a derivation that needs itself",
    program: `let\n  a = derivation { ${DERIVATION}\n  needs = a; };\nin a`,
    message: "infinite recursion encountered",
    at: "3:3",
  },
  {
    what: "a text that refers to what a derivation builds",
    program: `let d = derivation { ${DERIVATION} }; in\nbuiltins.toFile "x" "\${d}"`,
    message: "files created by builtins.toFile may not reference derivations, but x references !out!",
    at: "2:1",
  },
  {
    what: "a function in the environment",
    program: `derivation { ${DERIVATION}\n  f = x: x; }`,
    message: "cannot coerce a function to a string",
    at: "2:3",
  },
]
