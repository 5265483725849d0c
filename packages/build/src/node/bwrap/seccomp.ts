/**
 * What a build may not ask the kernel for: bits that make a program run as its owner (EPERM), and extended attributes
 * (ENOTSUP), since neither is part of a file tree. C++ Nix refuses the same.
 *
 * A filter is a program of classic BPF over `struct seccomp_data { int nr; u32 arch; u64 ip; u64 args[6]; }`
 * (linux/seccomp.h, linux/bpf_common.h), for every kind of system call that the machine knows: one forgotten is a way around.
 */

/** `struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; }` */
interface Instruction {
  readonly code: number
  readonly k: number
  readonly jt?: number
  readonly jf?: number
}

const LOAD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06

const ALLOW = 0x7fff0000
const ERRNO = 0x00050000
const EPERM = 1
const EOPNOTSUPP = 95

/** S_ISUID and S_ISGID. */
const MODE_BITS = 0o6000

/** Offsets in `seccomp_data`; the lower half of an argument, on machines that put it first. */
const NUMBER = 0
const ARCHITECTURE = 4
const argument = (index: number): number => 16 + 8 * index

interface Calls {
  /** `AUDIT_ARCH_…` of linux/audit.h. */
  readonly architecture: number
  /** Of calls that set permissions: their numbers, and which argument has them. */
  readonly modes: readonly (readonly [number: number, argument: number])[]
  /** setxattr, lsetxattr, fsetxattr, setxattrat. */
  readonly attributes: readonly number[]
}

/** The same everywhere, as all calls since 2019. */
const FCHMODAT2 = 452
const SETXATTRAT = 463

/** Programs of the x32 ABI use the numbers of x86-64 with this bit. */
const X32 = 0x40000000
const X86_64_MODES = [
  [90, 1], // chmod
  [91, 1], // fchmod
  [268, 2], // fchmodat
  [FCHMODAT2, 2],
] as const
const X86_64_ATTRIBUTES = [188, 189, 190, SETXATTRAT]

const X86: readonly Calls[] = [
  {
    architecture: 0xc000003e,
    modes: [...X86_64_MODES, ...X86_64_MODES.map(([number, at]) => [number | X32, at] as const)],
    attributes: [...X86_64_ATTRIBUTES, ...X86_64_ATTRIBUTES.map((number) => number | X32)],
  },
  {
    // i386
    architecture: 0x40000003,
    modes: [
      [15, 1],
      [94, 1],
      [306, 2],
      [FCHMODAT2, 2],
    ],
    attributes: [226, 227, 228, SETXATTRAT],
  },
]

const ARM: readonly Calls[] = [
  {
    // aarch64, which has no chmod
    architecture: 0xc00000b7,
    modes: [
      [52, 1],
      [53, 2],
      [FCHMODAT2, 2],
    ],
    attributes: [5, 6, 7, SETXATTRAT],
  },
  {
    // arm, EABI
    architecture: 0x40000028,
    modes: [
      [15, 1],
      [94, 1],
      [333, 2],
      [FCHMODAT2, 2],
    ],
    attributes: [226, 227, 228, SETXATTRAT],
  },
]

const MACHINES: Readonly<Record<string, readonly Calls[]>> = { x64: X86, arm64: ARM }

/**
 * The filter as bubblewrap takes it: instructions of eight bytes, lower byte first.
 *
 * @param machine as `process.arch` says it; `undefined` if its calls are not known here
 */
export function seccompFilter(machine: string): Uint8Array | undefined {
  const kinds = MACHINES[machine]
  if (kinds === undefined) return undefined
  const program = kinds.flatMap(section)
  program.push({ code: RETURN, k: ALLOW })
  const bytes = new DataView(new ArrayBuffer(8 * program.length))
  for (const [index, { code, jt = 0, jf = 0, k }] of program.entries()) {
    bytes.setUint16(8 * index, code, true)
    bytes.setUint8(8 * index + 2, jt)
    bytes.setUint8(8 * index + 3, jf)
    bytes.setUint32(8 * index + 4, k, true)
  }
  return new Uint8Array(bytes.buffer)
}

/** The instructions for one kind of call, passed over by all others. */
function section({ architecture, modes, attributes }: Calls): Instruction[] {
  const checks = [
    ...attributes.flatMap((number): Instruction[] => [
      { code: JUMP_EQUAL, k: number, jt: 0, jf: 1 },
      { code: RETURN, k: ERRNO | EOPNOTSUPP },
    ]),
    // Each ends with an answer, since the number is no longer at hand once an argument is.
    ...modes.flatMap(([number, at]): Instruction[] => [
      { code: JUMP_EQUAL, k: number, jt: 0, jf: 4 },
      { code: LOAD, k: argument(at) },
      { code: JUMP_ANY_BIT, k: MODE_BITS, jt: 0, jf: 1 },
      { code: RETURN, k: ERRNO | EPERM },
      { code: RETURN, k: ALLOW },
    ]),
    { code: RETURN, k: ALLOW },
  ]
  return [
    { code: LOAD, k: ARCHITECTURE },
    { code: JUMP_EQUAL, k: architecture, jt: 0, jf: checks.length + 1 },
    { code: LOAD, k: NUMBER },
    ...checks,
  ]
}
