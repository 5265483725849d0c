/** What `nix-store` can be told to do. A new operation is a row here, and what it runs. */
import { NixStoreError } from "./problem.ts"
import type { Flag, Operation } from "./operation.ts"

const DRY_RUN: Flag = { names: ["--dry-run"], summary: "only say what would be built, and what fetched" }
const CHECK: Flag = { names: ["--check"], summary: "build once more what is there, and compare" }

export const OPERATIONS: readonly Operation[] = [
  {
    names: ["-r", "--realize", "--realise"],
    operands: "PATH[!OUTPUT,...]...",
    summary: "build derivations and print their outputs; fetch other paths that are not there",
    flags: [DRY_RUN, CHECK],
    examples: [
      "-r $(nix-instantiate ./default.nix)",
      "-r /nix/store/jrrckwa6jjkcxn9vkvg7xab9cm7wkqgg-hello.drv!out,dev --add-root ./hello",
    ],
    load: async () => (await import("./realise.ts")).realise,
  },
  {
    names: ["-q", "--query"],
    operands: "PATH...",
    summary: "print what is known of paths",
    flags: [
      { names: ["--outputs"], summary: "what derivations build; so it is if nothing else is asked for" },
      { names: ["--references"], summary: "what paths refer to" },
      { names: ["-R", "--requisites"], summary: "paths, and all they refer to, over others as well" },
      { names: ["--include-outputs"], summary: "with --requisites also what derivations among these have built" },
      { names: ["--referers", "--referrers"], summary: "what refers to paths" },
      { names: ["--referers-closure", "--referrers-closure"], summary: "paths, and all that refers to them" },
      { names: ["-d", "--deriver"], summary: "the derivations that paths were built from" },
      { names: ["--valid-derivers"], summary: "derivations in the store that build paths" },
      { names: ["-b", "--binding"], summary: "what derivations give the variable that the first operand names" },
      { names: ["--hash"], summary: "hashes of paths as Nix archives" },
      { names: ["--size"], summary: "bytes of paths as Nix archives" },
      { names: ["--tree"], summary: "references as a tree" },
      { names: ["--graph"], summary: "references for the program dot of Graphviz" },
      { names: ["--resolve"], summary: "store paths that links lead to" },
      { names: ["--roots"], summary: "roots that keep paths from being collected" },
      { names: ["-u", "--use-output"], summary: "ask about what derivations build, not about them" },
      { names: ["-f", "--force-realize", "--force-realise"], summary: "build what is asked about first" },
    ],
    examples: [
      "-qR ./result",
      "-q --tree $(nix-instantiate ./default.nix)",
      "-q --graph ./result | dot -Tsvg > result.svg",
      "-q --binding buildInputs ./result",
    ],
    load: async () => (await import("./query.ts")).query,
  },
  {
    names: ["--dump"],
    operands: "PATH",
    summary: "write a file or folder, or a store path, to standard output as a Nix archive",
    flags: [],
    examples: ["--dump ./src > src.nar", "--dump /nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello | sha256sum"],
    load: async () => (await import("./archives.ts")).dump,
  },
  {
    names: ["--restore"],
    operands: "PATH",
    summary: "make PATH, which must not be there, of a Nix archive on standard input",
    flags: [],
    examples: ["--restore ./copy < src.nar"],
    load: async () => (await import("./archives.ts")).restore,
  },
  {
    names: ["--export"],
    operands: "PATH...",
    summary: "write store paths to standard output, for --import; what they refer to only if it is named",
    flags: [],
    examples: ["--export $(nix-store -qR ./result) | ssh other nix-store --import"],
    load: async () => (await import("./archives.ts")).exportTo,
  },
  {
    names: ["--import"],
    operands: "",
    summary: "put into the store what --export wrote, on standard input, and print the paths",
    flags: [],
    examples: ["--import < paths.export"],
    load: async () => (await import("./archives.ts")).importFrom,
  },
  {
    names: ["-A", "--add"],
    operands: "PATH...",
    summary: "put files or folders into the store and print their store paths",
    flags: [],
    examples: ["--add ./src"],
    load: async () => (await import("./add.ts")).add,
  },
  {
    names: ["--add-fixed"],
    operands: "ALGORITHM PATH...",
    summary: "the same under paths that follow from a hash of the file's bytes: what fixed outputs promise",
    flags: [{ names: ["--recursive"], summary: "a hash of the Nix archive, of which folders have one, too" }],
    examples: ["--add-fixed sha256 ./hello-2.12.tar.gz", "--add-fixed --recursive sha256 ./src"],
    load: async () => (await import("./add.ts")).addFixed,
  },
  {
    names: ["--print-fixed-path"],
    operands: "ALGORITHM HASH NAME",
    summary: "print the path that --add-fixed would give",
    flags: [{ names: ["--recursive"] }],
    examples: ["--print-fixed-path sha256 1b0ri5lsf45dknj8bfxi1syz35kmi2kqr7xxdhg4nh8h2q5iq2ij hello.tar.gz"],
    load: async () => (await import("./add.ts")).printFixedPath,
  },
  {
    names: ["--gc"],
    operands: "",
    summary: "delete what no root keeps",
    flags: [
      { names: ["--print-roots"], summary: "only print the roots, and what they keep" },
      { names: ["--print-live"], summary: "only print what would stay" },
      { names: ["--print-dead"], summary: "only print what would go" },
    ],
    examples: ["--gc", "--gc --print-dead"],
    load: async () => (await import("./gc.ts")).gc,
  },
  {
    names: ["--verify"],
    operands: "",
    summary: "look whether what is known of paths is right; the status is 1 if something is not",
    flags: [
      { names: ["--check-contents"], summary: "read everything, and compare hashes" },
      { names: ["--repair"], summary: "forget what is damaged, so that it can be made again" },
    ],
    examples: ["--verify --check-contents"],
    load: async () => (await import("./verify.ts")).verify,
  },
  {
    names: ["--verify-path"],
    operands: "PATH...",
    summary: "compare paths with their hashes; the status is 1 if one has changed",
    flags: [],
    examples: ["--verify-path $(nix-store -qR ./result)"],
    load: async () => (await import("./verify.ts")).verifyPath,
  },
  {
    names: ["--check-validity"],
    operands: "PATH...",
    summary: "fail if a path is not in the store",
    flags: [{ names: ["--print-invalid"], summary: "print those that are not, and do not fail" }],
    examples: ["--check-validity ./result"],
    load: async () => (await import("./verify.ts")).checkValidity,
  },
  {
    names: ["-l", "--read-log"],
    operands: "PATH...",
    summary: "print what builders said when paths, or what derivations build, were built here",
    flags: [],
    examples: ["-l ./result"],
    load: async () => (await import("./derivations.ts")).readLog,
  },
  {
    names: ["--print-env"],
    operands: "DERIVATION",
    summary: "print the environment of a derivation, for a shell",
    flags: [],
    examples: ["--print-env $(nix-instantiate ./default.nix)"],
    load: async () => (await import("./derivations.ts")).printEnvironment,
  },
]

/** What a store of ours does not do, and what to do instead. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  "--serve": "tvix-store serve and tvix-store daemon serve a store",
  "--init": "a store is made when it is first used",
  "--optimise": "equal contents are stored once in any case",
  "--optimize": "equal contents are stored once in any case",
  "--load-db": "--import brings paths with all that is known of them",
  "--dump-db": "tvix-store info --json --all prints what is known of paths",
  "--register-validity": "--import brings paths with all that is known of them",
  "--repair-path": "--verify --repair forgets what is damaged, and --realise makes it again",
  "--delete": "--gc deletes what nothing keeps",
  "--generate-binary-cache-key": "tvix-store key generate makes keys",
}

/** Operations of C++ Nix that say only what to do in their place. */
export const REFUSED: readonly Operation[] = Object.entries(UNSUPPORTED).map(([option, instead]) => ({
  names: [option],
  operands: "",
  summary: instead,
  flags: [],
  examples: [],
  load: () => Promise.reject(new NixStoreError({ code: "unsupported", option, instead })),
}))
