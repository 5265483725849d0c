/**
 * An array of `length` slots that is going to be filled here and there. Grown index by index, in any order, one of more
 * than a few hundred would become a hash table: slow itself, and the first of them in a process invalidates all
 * optimized code that counts on arrays being none, which is nearly everything of ours.
 */
export function sparseArray<T>(length: number): (T | undefined)[] {
  return length > SMALL ? new Array<undefined>(length) : []
}
/** Up to this many the engine always has room for all. */
const SMALL = 300
