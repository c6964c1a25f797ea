/** Twelve orders: two whole batches, and two that are left over. */
export default Array.from({ length: 12 }, (_, n) => ({ id: 100 + n, pieces: 1 + n % 3 }));
