/**
 * A program for 64-bit Linux on x86 that attaches to a process as a debugger does, ptrace(2), and ends with the errno(3) of
 * that: 0 if it could. A byte string.
 *
 * @param pid as the program would have it
 */
export function attachProgram(pid: number): string {
  const code = Buffer.from("b865000000bf10000000be0000000031d24d31d20f0589c7f7dfb83c0000000f05", "hex")
  code.writeUInt32LE(pid, code.indexOf(0xbe) + 1)
  const file = Buffer.alloc(120 + code.length)
  // An executable for this machine, with one segment: all of it, to be read and run.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0)
  file.writeUInt16LE(2, 16)
  file.writeUInt16LE(62, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(0x400078n, 24)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt32LE(1, 64)
  file.writeUInt32LE(5, 68)
  file.writeBigUInt64LE(0x400000n, 80)
  file.writeBigUInt64LE(0x400000n, 88)
  file.writeBigUInt64LE(BigInt(file.length), 96)
  file.writeBigUInt64LE(BigInt(file.length), 104)
  file.writeBigUInt64LE(0x1000n, 112)
  file.set(code, 120)
  return file.toString("latin1")
}
