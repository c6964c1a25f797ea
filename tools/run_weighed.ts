export interface Weighed<T> {
  /** What may run at once weighs no more than this. */
  readonly room: number;
  /** What is heavier than the room weighs as much as it. */
  weigh(item: T): number;
  run(item: T): Promise<void>;
}

/** Runs all items, begun in their order: the next one begins when there is room for it. Rejects with the first that fails. */
export async function runWeighed<T>(
  items: readonly T[],
  { room, weigh, run }: Weighed<T>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let left = room;
  for (const item of items) {
    const weight = Math.min(weigh(item), room);
    while (left < weight) await Promise.race(running);
    left -= weight;
    const one = run(item).finally(() => {
      left += weight;
      running.delete(one);
    });
    running.add(one);
  }
  await Promise.all(running);
}
