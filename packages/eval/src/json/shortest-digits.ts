/**
 * Few digits that read back as the same float, by Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and
 * Accurately with Integers", PLDI 2010). JavaScript's own digits are the *fewest*; Grisu2, which nlohmann::json uses, in
 * rare cases gives one more, so it has to be this algorithm with these constants. BigInt makes it short; speed does not
 * matter, since floats in JSON output are few.
 */

/** `significand * 2^exponent`, the significand of 64 bits. */
interface Scaled {
  readonly significand: bigint
  readonly exponent: number
}

const BITS = 64
/** After scaling by a power of ten, the binary exponent lies between these. */
const ALPHA = -60
/** Cached powers: every eighth from 10^-300 on. */
const POWER_FIRST = -300
const POWER_STEP = 8

/** `digits * 10^exponent` is nearer to `value`, which must be positive and finite, than to any other float. */
export function shortestDigits(value: number): { readonly digits: string; readonly exponent: number } {
  const { low, middle, high } = boundaries(value)
  const power = cachedPower(high.exponent)
  const scale = powerOfTen(power)
  const upper = multiply(high, scale)
  // One unit off each end, for the errors of the multiplication.
  const from = multiply(low, scale).significand + 1n
  const to = upper.significand - 1n
  const wanted = multiply(middle, scale).significand
  return generate(to, to - from, to - wanted, BigInt(-upper.exponent), -power)
}

/** The float and the midpoints to its neighbours, all with the same exponent. */
function boundaries(value: number): { low: Scaled; middle: Scaled; high: Scaled } {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const fraction = bits & 0xf_ffff_ffff_ffffn
  const biased = Number(bits >> 52n)
  const significand = biased === 0 ? fraction : fraction | (1n << 52n)
  const exponent = (biased === 0 ? 1 : biased) - 1075
  const high = normalize(2n * significand + 1n, exponent - 1)
  // Below a power of two the neighbour is only half as far away.
  const closer = fraction === 0n && biased > 1
  const lowSignificand = closer ? 4n * significand - 1n : 2n * significand - 1n
  const lowExponent = exponent - (closer ? 2 : 1)
  const low = { significand: lowSignificand << BigInt(lowExponent - high.exponent), exponent: high.exponent }
  return { low, middle: normalize(significand, exponent), high }
}

function normalize(significand: bigint, exponent: number): Scaled {
  const shift = BITS - significand.toString(2).length
  return { significand: significand << BigInt(shift), exponent: exponent - shift }
}

/** The upper 64 bits of the product, rounded, ties up. */
function multiply(a: Scaled, b: Scaled): Scaled {
  const product = a.significand * b.significand
  return { significand: (product + (1n << 63n)) >> 64n, exponent: a.exponent + b.exponent + BITS }
}

/** The decimal exponent of the cached power that brings `exponent` into range. */
function cachedPower(exponent: number): number {
  const wanted = ALPHA - exponent - 1
  // 78913 / 2^18 approximates log10(2).
  const power = Math.trunc((wanted * 78913) / 2 ** 18) + (wanted > 0 ? 1 : 0)
  return POWER_FIRST + POWER_STEP * Math.trunc((-POWER_FIRST + power + POWER_STEP - 1) / POWER_STEP)
}

/** 10^power to 64 bits, correctly rounded. */
function powerOfTen(power: number): Scaled {
  if (power >= 0) {
    const exact = 10n ** BigInt(power)
    const excess = exact.toString(2).length - BITS
    return excess <= 0 ? normalize(exact, 0) : { significand: rounded(exact, excess), exponent: excess }
  }
  const divisor = 10n ** BigInt(-power)
  const shift = divisor.toString(2).length + BITS - 1
  return { significand: rounded((1n << BigInt(shift + 1)) / divisor, 1), exponent: -shift }
}

function rounded(exact: bigint, excess: number): bigint {
  return ((exact >> BigInt(excess - 1)) + 1n) >> 1n
}

/**
 * Generates digits of `upper` until what is left is within `delta`, then steps the last digit down towards the wanted
 * value. All are fractions with `point` bits behind the point.
 */
function generate(
  upper: bigint,
  delta: bigint,
  distance: bigint,
  point: bigint,
  exponent: number,
): { digits: string; exponent: number } {
  const one = 1n << point
  const whole = (upper >> point).toString()
  let rest = upper & (one - 1n)
  for (let length = 1; length <= whole.length; length++) {
    const left = whole.length - length
    const unread = (BigInt(whole.slice(length) || "0") << point) + rest
    if (unread <= delta) {
      const unit = (10n ** BigInt(left)) << point
      return { digits: stepDown(whole.slice(0, length), distance, delta, unread, unit), exponent: exponent + left }
    }
  }
  let digits = whole
  let count = 0
  do {
    rest *= 10n
    delta *= 10n
    distance *= 10n
    digits += (rest >> point).toString()
    rest &= one - 1n
    count++
  } while (rest > delta)
  return { digits: stepDown(digits, distance, delta, rest, one), exponent: exponent - count }
}

function stepDown(digits: string, distance: bigint, delta: bigint, rest: bigint, unit: bigint): string {
  let last = Number(digits.at(-1))
  while (
    rest < distance &&
    delta - rest >= unit &&
    (rest + unit < distance || distance - rest > rest + unit - distance)
  ) {
    last--
    rest += unit
  }
  return digits.slice(0, -1) + String(last)
}
