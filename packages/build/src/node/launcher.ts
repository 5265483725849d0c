/**
 * A program of some three hundred bytes, which becomes another and gives it a first word of its own: C++ Nix calls a builder
 * by the last part of its path, and bubblewrap before 0.9, like env(1), by all of it. Programs that are many in one, such as
 * busybox, look at that word. Unlike bubblewrap and shells it hands nothing to a shell that the system does not take.
 *
 *     launcher PROGRAM WORD...
 *
 * Before that it changes what is a process's own and what it hands on: limits, and how the kernel shows itself. Only from here
 * are processes counted as those of the namespace that they are in.
 *
 * It is run by its open file, so that what it becomes has no file of it to see, and closes that, and whatever else is open
 * but the three standard ones. Why it cannot become the program, it writes to another one, a number of errno(3) in one byte,
 * and ends with 127. The file is ELF (elf.h).
 */
import { readFileSync } from "node:fs"
import process from "node:process"
import { getSystemErrorMessage } from "node:util"
import { textOf } from "@tvix-ts/bytes"
import type { BuildProblem } from "../problem.ts"
import { quoted } from "./shell.ts"

/** The files that it has to be given: itself, and what it writes to. A shell opens them, which knows but ten. */
export const LAUNCHER_FD = 8
export const FAILURE_FD = 9
/** How it ends if it becomes nothing. Programs may end so, too, but write nothing to that file. */
export const LAUNCH_FAILED = 127

/** Paths of the two files. */
export interface Launcher {
  readonly program: string
  readonly failure: string
}

/** The line of a shell's script that opens them. */
export function openLauncherLine({ program, failure }: Launcher): string {
  return `exec ${LAUNCHER_FD}<${quoted(program)} ${FAILURE_FD}>${quoted(failure)}`
}

/** What is to be run for the command; a byte string each. */
export function launched(command: readonly string[]): string[] {
  const [program = "", ...words] = command
  return [`/proc/self/fd/${LAUNCHER_FD}`, program, program.slice(program.lastIndexOf("/") + 1), ...words]
}

/** What it says, once it has ended as {@link LAUNCH_FAILED} says: `undefined` if the program did. */
export function launchFailure(command: readonly string[], { failure }: Launcher): BuildProblem | undefined {
  const [errno] = readFileSync(failure)
  if (errno === undefined) return undefined
  const why = errno === ENOEXEC ? "exec format error" : getSystemErrorMessage(-errno)
  return { code: "start", reason: `cannot execute ${textOf(command[0]!)}: ${why}` }
}
/** Node has no words for it. */
const ENOEXEC = 8

/** What it changes. What the system refuses stays as it is. */
export interface LauncherSettings {
  /** Bits of personality(2). */
  readonly personality?: number | undefined
  /** The most of a resource, by its number; see setrlimit(2). */
  readonly limits?: ReadonlyMap<number, number>
}

/** Of sys/resource.h: processes and threads of the user, and bytes of a process's memory. */
export const RLIMIT_NPROC = 6
export const RLIMIT_AS = 9

type Code = (settings: LauncherSettings) => Uint8Array

/** By kind of machine, as `process.arch` says it: its number, `EM_…`, and the code. */
const MACHINES: Readonly<Record<string, { readonly number: number; readonly code: Code }>> = {
  x64: { number: 62, code: codeOfX64 },
  arm64: { number: 183, code: codeOfArm64 },
}

const ADDRESS = 0x400000n
const PAGE = 0x10000n
const HEADER_LENGTH = 64
const SEGMENT_LENGTH = 56
const PT_LOAD = 1
const PT_GNU_STACK = 0x6474e551
const READ = 4
const WRITE = 2
const EXECUTE = 1

/** The file; `undefined` for a machine that is not known here. */
export function launcherProgram(
  settings: LauncherSettings = {},
  machine: string = process.arch,
): Uint8Array | undefined {
  if (process.platform !== "linux" || !Object.hasOwn(MACHINES, machine)) return undefined
  const { number, code } = MACHINES[machine]!
  const instructions = code(settings)
  const start = HEADER_LENGTH + 2 * SEGMENT_LENGTH
  const file = new Uint8Array(start + instructions.length)
  const view = new DataView(file.buffer)
  // Of 64 bits, lower byte first, version 1.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 2, true) // ET_EXEC
  view.setUint16(18, number, true)
  view.setUint32(20, 1, true)
  view.setBigUint64(24, ADDRESS + BigInt(start), true)
  view.setBigUint64(32, BigInt(HEADER_LENGTH), true)
  view.setUint16(52, HEADER_LENGTH, true)
  view.setUint16(54, SEGMENT_LENGTH, true)
  view.setUint16(56, 2, true)
  const segments = [
    { type: PT_LOAD, rights: READ | EXECUTE, address: ADDRESS, length: BigInt(file.length), align: PAGE },
    // Without it, older kernels let all be executed that can be read.
    { type: PT_GNU_STACK, rights: READ | WRITE, address: 0n, length: 0n, align: 16n },
  ]
  for (const [i, { type, rights, address, length, align }] of segments.entries()) {
    const at = HEADER_LENGTH + i * SEGMENT_LENGTH
    view.setUint32(at, type, true)
    view.setUint32(at + 4, rights, true)
    // Where it is in the file, in memory, and (unused) in the machine; how long in the file and in memory.
    for (const [j, field] of [0n, address, address, length, length, align].entries()) {
      view.setBigUint64(at + 8 + 8 * j, field, true)
    }
  }
  file.set(instructions, start)
  return file
}

const F_SETFD = 2
const FD_CLOEXEC = 1
const CLOSE_RANGE_CLOEXEC = 4
const FILE_LAST = 0xffff

/** At the start, the stack has the number of words, their addresses, a zero, and the addresses of the environment. */
function codeOfX64({ personality, limits = new Map() }: LauncherSettings): Uint8Array {
  const number = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24]
  const eax = (value: number): number[] => [0xb8, ...number(value)]
  const edi = (value: number): number[] => [0xbf, ...number(value)]
  const esi = (value: number): number[] => [0xbe, ...number(value)]
  const edx = (value: number): number[] => [0xba, ...number(value)]
  const rax = (value: number): number[] => [0x48, 0xb8, ...bytesOf64(value)]
  const syscall = (call: number): number[] => [...eax(call), 0x0f, 0x05]
  const limit = ([resource, most]: readonly [number, number]): number[][] => [
    [...rax(most), 0x50, 0x50], // push rax, twice
    [0x48, 0x89, 0xe6], // mov rsi, rsp
    [...edi(resource), ...syscall(160)], // setrlimit
    [0x58, 0x58], // pop rax, twice
  ]
  return Uint8Array.from(
    [
      personality === undefined ? [] : [...edi(personality), ...syscall(135)],
      [...limits].flatMap(limit).flat(),
      [...edi(LAUNCHER_FD), ...syscall(3)], // close
      [...edi(FAILURE_FD), ...esi(F_SETFD), ...edx(FD_CLOEXEC), ...syscall(72)], // fcntl
      // Linux before 5.11 does not know it.
      [...edi(3), ...esi(FILE_LAST), ...edx(CLOSE_RANGE_CLOEXEC), ...syscall(436)], // close_range
      [0x48, 0x8b, 0x04, 0x24], // mov rax, [rsp]
      [0x48, 0x8d, 0x54, 0xc4, 0x10], // lea rdx, [rsp + 8 * rax + 16]
      [0x48, 0x8b, 0x7c, 0x24, 0x10], // mov rdi, [rsp + 16]
      [0x48, 0x8d, 0x74, 0x24, 0x18], // lea rsi, [rsp + 24]
      syscall(59), // execve
      [0xf7, 0xd8], // neg eax
      [0x50], // push rax
      [0x48, 0x89, 0xe6], // mov rsi, rsp
      [...edi(FAILURE_FD), ...edx(1), ...syscall(1)], // write
      [...edi(LAUNCH_FAILED), ...syscall(60)], // exit
    ].flat(),
  )
}

function bytesOf64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  return bytes
}

function codeOfArm64({ personality, limits = new Map() }: LauncherSettings): Uint8Array {
  const set = (register: number, value: number): number => 0xd2800000 | (value << 5) | register
  const syscall = (call: number): number[] => [set(8, call), 0xd4000001]
  // The lowest 16 bits of x0 first; the next ones beside them.
  const setX0 = (value: number): number[] =>
    [0, 1, 2, 3].map((part) => {
      const bits = Number((BigInt(value) >> BigInt(16 * part)) & 0xffffn)
      return (part === 0 ? 0xd2800000 : 0xf2800000) | (part << 21) | (bits << 5)
    })
  const limit = ([resource, most]: readonly [number, number]): number[][] => [
    [...setX0(most), 0xa9bf03e0], // stp x0, x0, [sp, #-16]!
    [0x910003e1], // mov x1, sp
    [set(0, resource), ...syscall(164)], // setrlimit
    [0x910043ff], // add sp, sp, #16
  ]
  const words = [
    personality === undefined ? [] : [...setX0(personality), ...syscall(92)],
    [...limits].flatMap(limit).flat(),
    [set(0, LAUNCHER_FD), ...syscall(57)], // close
    [set(0, FAILURE_FD), set(1, F_SETFD), set(2, FD_CLOEXEC), ...syscall(25)], // fcntl
    [set(0, 3), set(1, FILE_LAST), set(2, CLOSE_RANGE_CLOEXEC), ...syscall(436)], // close_range
    [0xf94003e3], // ldr x3, [sp]
    [0x8b236fe2], // add x2, sp, x3, uxtx #3
    [0x91004042], // add x2, x2, #16
    [0xf9400be0], // ldr x0, [sp, #16]
    [0x910063e1], // add x1, sp, #24
    syscall(221), // execve
    [0xcb0003e0], // neg x0, x0
    [0xf81f0fe0], // str x0, [sp, #-16]!
    [0x910003e1], // mov x1, sp
    [set(0, FAILURE_FD), set(2, 1), ...syscall(64)], // write
    [set(0, LAUNCH_FAILED), ...syscall(93)], // exit
  ].flat()
  const code = new DataView(new ArrayBuffer(4 * words.length))
  for (const [i, word] of words.entries()) code.setUint32(4 * i, word >>> 0, true)
  return new Uint8Array(code.buffer)
}
