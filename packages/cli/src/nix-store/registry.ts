/** What `nix-store` can be told to do. A new operation is a row here, and what it runs. */
import { NixStoreError } from "./problem.ts"
import type { Flag, Operation } from "./operation.ts"

const DRY_RUN: Flag = { names: ["--dry-run"], summary: "only say what would be built, and what fetched" }

export const OPERATIONS: readonly Operation[] = [
  {
    names: ["-r", "--realize", "--realise"],
    operands: "PATH[!OUTPUT,...]...",
    summary: "build derivations and print their outputs; fetch other paths that are not there",
    flags: [DRY_RUN],
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
]

/** What a store of ours does not do, and what to do instead. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  "--serve": "tvix-store serve and tvix-store daemon serve a store",
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
