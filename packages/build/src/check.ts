import { checkName, checkNode, CastoreError } from "@tvix-ts/castore"
import { BuildError } from "./problem.ts"
import { isBelow } from "./paths.ts"
import type { BuildRequest } from "./request.ts"

// More than any build has; what is beyond was not made by one who wants a build.
const COMMAND_BYTES_MAX = 1 << 22
const ENVIRONMENT_BYTES_MAX = 1 << 26
const FILES_BYTES_MAX = 1 << 28
const NEEDLE_LENGTH_MAX = 4096
const COUNT_MAX = 1 << 20
/** What Linux takes, without the NUL. */
const PATH_LENGTH_MAX = 4095
const NAME_LENGTH_MAX = 255

/**
 * Every back end checks what it is asked for before it does anything.
 *
 * @throws {BuildError} `invalid`, with the first field that breaks a rule of {@link BuildRequest}, named as there
 */
export function checkRequest(request: BuildRequest): void {
  const { inputs, inputsDir, command, workingDir, scratchPaths, outputs, environment, constraints } = request
  const { additionalFiles, needles } = request

  checkRelative(inputsDir, "inputsDir")
  checkCount(inputs.size, "inputs")
  for (const [name, node] of inputs) checkInput(name, node)

  if (command.length === 0) throw invalid("command", "is empty")
  checkCount(command.length, "command")
  checkBytes(
    command.reduce((sum, { length }) => sum + length, 0),
    COMMAND_BYTES_MAX,
    "command",
  )
  for (const [index, word] of command.entries()) checkText(word, `command[${index}]`)
  if (!command[0]!.startsWith("/")) throw invalid("command[0]", "is not an absolute path")

  checkRelative(workingDir, "workingDir")
  checkPaths(scratchPaths, "scratchPaths", checkRelative)
  checkPaths(outputs, "outputs", checkRelative)
  for (const [index, path] of scratchPaths.entries()) checkNotInput(path, request, `scratchPaths[${index}]`)
  for (const [index, path] of outputs.entries()) {
    const field = `outputs[${index}]`
    checkNotInput(path, request, field)
    if (!scratchPaths.some((scratch) => isBelow(path, scratch))) throw invalid(field, "is not below a scratch path")
    // Sorted by bytes, `a`, `a-b` and `a/c` come in this order: the neighbour is not enough.
    const around = outputs.find((other) => isBelow(path, other))
    if (around !== undefined) throw invalid(field, `is in another output, ${show(around)}`)
  }

  checkEnvironment(environment, workingDir)
  checkConstraints(constraints)

  checkCount(additionalFiles.size, "additionalFiles")
  let filesBytes = 0
  for (const [path, { length }] of additionalFiles) {
    const field = `additionalFiles[${show(path)}]`
    checkRelative(path, field)
    checkNotInput(path, request, field)
    if (scratchPaths.some((scratch) => scratch === path || isBelow(scratch, path))) {
      throw invalid(field, "is in the way of a scratch path")
    }
    checkBytes((filesBytes += length), FILES_BYTES_MAX, "additionalFiles")
  }

  checkCount(needles.length, "needles")
  for (const [index, needle] of needles.entries()) {
    if (needle.length === 0 || needle.length > NEEDLE_LENGTH_MAX) {
      throw invalid(`needles[${index}]`, `has not between 1 and ${NEEDLE_LENGTH_MAX} bytes`)
    }
    if (NOT_BYTES.test(needle)) throw invalid(`needles[${index}]`, "is not a byte string")
  }
}

function checkInput(name: string, node: Parameters<typeof checkNode>[0]): void {
  const field = `inputs[${show(name)}]`
  try {
    checkName(name, field)
    checkNode(node, field)
  } catch (error) {
    if (!(error instanceof CastoreError) || error.problem.code !== "invalid") throw error
    throw new BuildError({ ...error.problem, reason: `is wrong: ${error.problem.reason}` }, { cause: error })
  }
}

function checkNotInput(path: string, { inputs, inputsDir }: BuildRequest, field: string): void {
  if (!isBelow(path, inputsDir)) return
  const name = path.slice(inputsDir.length + 1).split("/", 1)[0]!
  if (inputs.has(name)) throw invalid(field, `is where the input ${show(name)} is`)
}

function checkEnvironment(environment: BuildRequest["environment"], workingDir: string): void {
  checkCount(environment.size, "environment")
  let bytes = 0
  for (const [key, value] of environment) {
    const field = `environment[${show(key)}]`
    if (key === "") throw invalid(field, "has no name")
    if (key.includes("=")) throw invalid(field, "has a name with '='")
    checkText(key, field)
    checkText(value, field)
    checkBytes((bytes += key.length + value.length), ENVIRONMENT_BYTES_MAX, "environment")
  }
  const pwd = environment.get("PWD")
  if (pwd !== undefined && pwd !== `/${workingDir}`) throw invalid('environment["PWD"]', "is not the working folder")
}

function checkConstraints({ system, memoryMin, availablePaths }: BuildRequest["constraints"]): void {
  if (system === "") throw invalid("constraints.system", "is empty")
  if (system.length > NAME_LENGTH_MAX) throw invalid("constraints.system", "is too long")
  if (!Number.isSafeInteger(memoryMin) || memoryMin < 0) {
    throw invalid("constraints.memoryMin", "is no number of bytes")
  }
  checkPaths(availablePaths, "constraints.availablePaths", (path, field) => {
    if (!path.startsWith("/")) throw invalid(field, "is not an absolute path")
    checkRelative(path.slice(1), field)
  })
}

function checkPaths(paths: readonly string[], field: string, check: (path: string, field: string) => void): void {
  checkCount(paths.length, field)
  for (const [index, path] of paths.entries()) {
    check(path, `${field}[${index}]`)
    const previous = paths[index - 1]
    if (previous === undefined || previous < path) continue
    throw invalid(`${field}[${index}]`, previous === path ? "is there twice" : `comes after ${show(previous)}`)
  }
}

/** A relative path without anything that is not needed. */
function checkRelative(path: string, field: string): void {
  checkText(path, field)
  if (path === "") throw invalid(field, "is empty")
  if (path.startsWith("/")) throw invalid(field, "is not a relative path")
  if (path.length >= PATH_LENGTH_MAX) throw invalid(field, `has more than ${PATH_LENGTH_MAX} bytes`)
  for (const name of path.split("/")) {
    if (name === "") throw invalid(field, "has a superfluous '/'")
    if (name === "." || name === "..") throw invalid(field, `has the component '${name}'`)
    if (name.length > NAME_LENGTH_MAX) throw invalid(field, `has a component of more than ${NAME_LENGTH_MAX} bytes`)
  }
}

const NOT_BYTES = /[^\x00-\xff]/
/** What can be an argument of a program, or a variable of its environment. */
function checkText(text: string, field: string): void {
  if (text.includes("\0")) throw invalid(field, "contains NUL")
  if (NOT_BYTES.test(text)) throw invalid(field, "is not a byte string")
}

function checkCount(count: number, field: string): void {
  if (count > COUNT_MAX) throw invalid(field, `has more than ${COUNT_MAX} entries`)
}
function checkBytes(bytes: number, max: number, field: string): void {
  if (bytes > max) throw invalid(field, `has more than ${max} bytes`)
}

function show(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 80)}…`)
}
function invalid(field: string, reason: string): BuildError {
  return new BuildError({ code: "invalid", field, reason })
}
