/** Numbers for people. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

/** `0 B`, `1.5 KiB`, `734 MiB`: three digits, more or less. */
export function formatBytes(bytes: number): string {
  let amount = bytes
  let unit = 0
  // 999.5 would be written as 1000.
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1024
    unit++
  }
  return `${unit === 0 || amount >= 99.95 ? Math.round(amount) : Number(amount.toPrecision(2 + Number(amount >= 9.95)))} ${UNITS[unit]}`
}

/** `12 s`, `3:05 min`, `1:02:30 h` */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 60) return `${seconds} s`
  const two = (n: number): string => String(n).padStart(2, "0")
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}:${two(seconds % 60)} min`
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)} h`
}

/** `1 file`, `12,345 files` */
export function formatCount(count: number, noun: string, plural: string = `${noun}s`): string {
  return `${formatNumber(count)} ${count === 1 ? noun : plural}`
}

/** With commas, whatever the locale: scripts read this, too. */
export function formatNumber(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ",")
}
