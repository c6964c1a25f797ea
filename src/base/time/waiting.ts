/** Resolves with the promise, or after the time. */
export async function waitAtMost(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds));
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

/** The delay before trying again after `failures` failures before this one: the first, doubling up to the longest. Milliseconds. */
export function growingDelay(
  failures: number,
  { first, longest }: { first: number; longest: number },
): number {
  return Math.min(first * 2 ** Math.min(failures, 30), longest);
}

/**
 * One turn of the event loop, for timers, signals and sockets. A timer of 0 ms takes one or two milliseconds, a message some ten microseconds; what the runtimes
 * have beside the web's own takes one or two.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const setImmediate: unknown = Reflect.get(globalThis, "setImmediate");
    if (typeof setImmediate === "function") setImmediate(resolve);
    else messageTo(resolve);
  });
}

function messageTo(call: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    call();
  };
  port2.postMessage(undefined);
}
