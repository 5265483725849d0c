import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { CastoreError } from "@tvix-ts/castore"
import { findCredentials } from "./credentials.ts"

const dir = mkdtempSync(join(tmpdir(), "tvix-aws-"))
after(() => rmSync(dir, { recursive: true }))
const AWS_SHARED_CREDENTIALS_FILE = join(dir, "credentials")
writeFileSync(
  AWS_SHARED_CREDENTIALS_FILE,
  `# comment
[default]
aws_access_key_id = AKDEFAULT
aws_secret_access_key=default/secret=

[ work ]
aws_access_key_id=AKWORK
aws_secret_access_key=work/secret
aws_session_token = token==

[half]
aws_access_key_id=AKHALF
`,
)
const keys = { AWS_ACCESS_KEY_ID: "AKENV", AWS_SECRET_ACCESS_KEY: "env/secret" }

const FOUND: readonly [name: string, profile: string, environment: Record<string, string>, expected: object][] = [
  ["the environment", "", keys, { accessKeyId: "AKENV", secretAccessKey: "env/secret" }],
  [
    "the environment, with a token",
    "",
    { ...keys, AWS_SESSION_TOKEN: "t" },
    { accessKeyId: "AKENV", secretAccessKey: "env/secret", sessionToken: "t" },
  ],
  ["the file", "", {}, { accessKeyId: "AKDEFAULT", secretAccessKey: "default/secret=" }],
  [
    "the profile that the address names, whatever the environment has",
    "work",
    keys,
    { accessKeyId: "AKWORK", secretAccessKey: "work/secret", sessionToken: "token==" },
  ],
  [
    "the profile that the environment names",
    "",
    { AWS_PROFILE: "work" },
    { accessKeyId: "AKWORK", secretAccessKey: "work/secret", sessionToken: "token==" },
  ],
]
for (const [name, profile, environment, expected] of FOUND) {
  test(`credentials are in ${name}`, async () => {
    assert.deepEqual(await findCredentials(profile, { AWS_SHARED_CREDENTIALS_FILE, ...environment }), expected)
  })
}

const MISSING: readonly [name: string, profile: string, file: string, message: RegExp][] = [
  ["nowhere", "", join(dir, "none"), /^there are no credentials for S3: neither AWS_ACCESS_KEY_ID .* nor '.*none'$/],
  ["a profile in no file", "work", join(dir, "none"), /^there is no profile 'work' for S3: '.*none' cannot be read$/],
  ["no such profile", "play", AWS_SHARED_CREDENTIALS_FILE, /has no profile 'play' with aws_access_key_id/],
  ["half a profile", "half", AWS_SHARED_CREDENTIALS_FILE, /has no profile 'half' with/],
]
for (const [name, profile, file, message] of MISSING) {
  test(`what is missing is told: ${name}`, async () => {
    await assert.rejects(findCredentials(profile, { AWS_SHARED_CREDENTIALS_FILE: file }), (error) => {
      assert.ok(error instanceof CastoreError && error.problem.code === "unavailable", String(error))
      assert.match(error.message, message)
      return true
    })
  })
}
