/** What builders get, beside what C++ Nix gives: texts that a builder of C++ Nix was seen to find. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { derivationOptions, type Derivation } from "@tvix-ts/nix-compat"
import { builderEnvironment, outputPlaceholder, type BuilderEnvironment } from "./environment.ts"

const OUT = "/nix/store/g1w7hy3qg1w7hy3qg1w7hy3qg1w7hy3q-thing"
const FIXED: Derivation["outputs"] = new Map([
  [
    "out",
    { kind: "fixed", path: OUT, method: "flat", hash: { algorithm: "sha256", digest: new Uint8Array(32) } } as const,
  ],
])

function environmentOf(changes: Partial<Derivation>, graphs: readonly (readonly [string, string])[] = []) {
  const derivation: Derivation = {
    name: "thing",
    outputs: new Map([["out", { kind: "input-addressed", path: OUT }]]),
    inputDerivations: new Map(),
    inputSources: new Set(),
    system: "x86_64-linux",
    builder: "/bin/sh",
    args: [],
    env: new Map(),
    ...changes,
  }
  return builderEnvironment(derivation, derivationOptions(derivation), {
    storeDir: "/nix/store",
    buildDir: "/build",
    cores: 3,
    impure: (name) => (name === "https_proxy" ? "proxy:1" : undefined),
    graphs: new Map(graphs),
  })
}
const structured = (attributes: string, graphs?: readonly (readonly [string, string])[]): BuilderEnvironment =>
  environmentOf({ structuredAttrs: attributes }, graphs)

const ALWAYS = {
  PATH: "/path-not-set",
  HOME: "/homeless-shelter",
  NIX_STORE: "/nix/store",
  NIX_BUILD_CORES: "3",
  NIX_BUILD_TOP: "/build",
  TMPDIR: "/build",
  TEMPDIR: "/build",
  TMP: "/build",
  TEMP: "/build",
  PWD: "/build",
  NIX_LOG_FD: "2",
  TERM: "xterm-256color",
}

describe("variables", () => {
  test("those that all builders have", () => {
    const { variables, files } = environmentOf({})
    assert.deepEqual(Object.fromEntries(variables), ALWAYS)
    assert.equal(files.size, 0)
  })

  test("some may be set by the derivation, others not", () => {
    const own = ["PATH", "HOME", "NIX_STORE", "NIX_BUILD_CORES", "TMPDIR", "PWD", "NIX_BUILD_TOP", "TERM", "we ird"]
    const { variables } = environmentOf({ env: new Map(own.map((name) => [name, "own"])) })
    assert.deepEqual(Object.fromEntries(variables), {
      ...ALWAYS,
      PATH: "own",
      HOME: "own",
      NIX_STORE: "own",
      NIX_BUILD_CORES: "own",
      "we ird": "own",
    })
  })

  test("of the machine's, downloads see those that they ask for, and they are told that they are checked", () => {
    const env = new Map([["impureEnvVars", "https_proxy absent"]])
    const { variables } = environmentOf({ env, outputs: FIXED })
    const added = [...variables].filter(([name]) => !Object.hasOwn(ALWAYS, name) && name !== "impureEnvVars")
    assert.deepEqual(Object.fromEntries(added), { NIX_OUTPUT_CHECKED: "1", https_proxy: "proxy:1", absent: "" })
    assert.equal(environmentOf({ env }).variables.has("https_proxy"), false, "others do not")
  })

  test("passAsFile: in a file named by a hash of the variable, whose path is in another variable", () => {
    const env = new Map([
      ["text", "long"],
      ["other", "short"],
      ["passAsFile", "text absent"],
    ])
    const { variables, files } = environmentOf({ env })
    const file = ".attr-1lf969yddshzhld7sr1vbagr07bnygg99lgl6gk5kxcnp4z9wbcq"
    assert.deepEqual([...files], [[file, "long"]])
    assert.equal(variables.get("textPath"), `/build/${file}`)
    assert.deepEqual(
      [variables.has("text"), variables.get("other"), variables.has("absentPath")],
      [false, "short", false],
    )
  })

  test("graphs of references are files", () => {
    assert.deepEqual([...environmentOf({}, [["graph", "text\n"]]).files], [["graph", "text\n"]])
  })
})

describe("structured attributes", () => {
  test("are in two files, and not in the environment", () => {
    const { variables, files } = structured('{"b":"x","a":[1,{"c":null}]}')
    assert.deepEqual(Object.fromEntries(variables), {
      ...ALWAYS,
      NIX_ATTRS_SH_FILE: "/build/.attrs.sh",
      NIX_ATTRS_JSON_FILE: "/build/.attrs.json",
    })
    const out = "/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9"
    assert.equal(outputPlaceholder("out"), out)
    assert.equal(files.get(".attrs.json"), `{"a":[1,{"c":null}],"b":"x","outputs":{"out":"${out}"}}`)
    assert.equal(files.get(".attrs.sh"), `declare b='x'\ndeclare -A outputs=(['out']='${out}' )\n`)
  })

  test("outputs and graphs go before attributes of their names", () => {
    const { files } = structured('{"outputs":["out"],"graph":1}', [["graph", '[{"path":"p","narSize":1}]']])
    assert.equal(
      files.get(".attrs.json"),
      `{"graph":[{"narSize":1,"path":"p"}],"outputs":{"out":"${outputPlaceholder("out")}"}}`,
    )
  })

  const DECLARATIONS: readonly (readonly [json: string, declaration: string | undefined])[] = [
    [`"x'y"`, String.raw`v='x'\''y'`],
    [`"\\t\\n\\r$x"`, "v='\t\n\r$x'"],
    [`"\u00c5\u00bc"`, "v='\u00c5\u00bc'"],
    [`""`, "v=''"],
    ["null", "v=''"],
    ["true", "v=1"],
    ["false", "v="],
    ["1", "v=1"],
    ["-5", "v=-5"],
    // Integers are written as those of 32 bits …
    ["5000000000", "v=705032704"],
    ["9007199254740993", "v=1"],
    ["-9223372036854775808", "v=0"],
    ["2147483648", "v=-2147483648"],
    // … and so are fractions, if they are none when looked at as a float of 32 bits.
    ["1.0", "v=1"],
    ["-0.0", "v=0"],
    ["1.5", undefined],
    ["1e20", "v=-2147483648"],
    ["1e+300", "v=-2147483648"],
    ["-1e+300", "v=-2147483648"],
    ["1e-30", undefined],
    ["1e-60", "v=0"],
    ["0.99999999999", "v=0"],
    ["18446744073709551616", "v=-2147483648"],
    ["[]", "-a v=()"],
    [`[""]`, "-a v=('' )"],
    [`[1,"two",true,false,null,3.0]`, "-a v=(1 'two' 1  '' 3 )"],
    ["[1,1.5]", undefined],
    ["[[1]]", undefined],
    ["{}", "-A v=()"],
    [`{"b":1,"a'b":"c","x":null}`, String.raw`-A v=(['a'\''b']='c' ['b']=1 ['x']='' )`],
    [`{"a":{}}`, undefined],
  ]
  for (const [json, declaration] of DECLARATIONS) {
    test(`for shells: ${json}`, () => {
      const text = structured(`{"v":${json}}`).files.get(".attrs.sh")!
      const outputs = `declare -A outputs=(['out']='${outputPlaceholder("out")}' )\n`
      assert.equal(text, `${outputs}${declaration === undefined ? "" : `declare ${declaration}\n`}`)
    })
  }

  test("shells see those whose names they can hold, in order", () => {
    const text = structured('{"b":1,"a-b":1,"1a":1,"":1,"_a":1,"Z":1,"a.b":1,"a1":1}').files.get(".attrs.sh")!
    const names = [...text.matchAll(/^declare (?:-A )?(\w+)=/gm)].map(([, name]) => name)
    assert.deepEqual(names, ["Z", "_a", "a1", "b", "outputs"])
  })
})
