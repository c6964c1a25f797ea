const DEADLINE_MS = 10_000;

/** Looks at every turn of the event loop. Rejects at the deadline. */
export async function waitUntil(isSo: () => boolean, withinMs = DEADLINE_MS): Promise<void> {
  const end = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`Not within ${withinMs} ms: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
