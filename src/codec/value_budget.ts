/**
 * Counts values that take no bytes of their own: nulls, empty records, defaults that the reader fills in. Bytes bound the number of all
 * others, but four bytes can stand for millions of these. Several messages share one where they belong together, as in a request.
 */
export interface ValueBudget {
  left: number;
}

/** Values without bytes that one message may hold: a few milliseconds and megabytes. */
export const MAX_FREE_VALUES = 1 << 17;
/** Values that each byte may stand for without being counted: a union, its wrapping and a record around a small number. */
const VALUES_PER_BYTE = 4;

/** What the values of a type take at least; what arrays, maps and unions hold comes on top as it is read. */
export interface LeastSize {
  readonly values: number;
  readonly bytes: number;
}

/** What one value of this size costs of a {@linkcode ValueBudget}. @param more Bytes that come with it: of a key, a union's index. */
export function valueCost({ values, bytes }: LeastSize, more = 0): number {
  return Math.max(0, values - VALUES_PER_BYTE * (bytes + more));
}

/** Says that a {@linkcode ValueBudget} is used up. */
export const TOO_MANY_VALUES = "it stands for too many values that take no bytes";
