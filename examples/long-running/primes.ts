import type { Context } from "kflow";

/** Counts the primes below `n`. It never pauses, and with a negative `n` it never ends. */
export default function primes({ n }: { n: number }, ctx: Context) {
  let count = 0;
  for (let candidate = 2; candidate !== n; candidate++) {
    if (isPrime(candidate)) count++;
  }
  return { below: n, count, attempt: ctx.delivery.attempt };
}

function isPrime(candidate: number): boolean {
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) {
    if (candidate % divisor === 0) return false;
  }
  return true;
}
