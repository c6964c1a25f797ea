const EVERY_MS = 1000;

/** Asks for a worker's metrics now and then once a second. Resolves after the first answer to what ends it. */
export async function scrape(port: number): Promise<() => void> {
  await ask(port);
  // The worker may be gone before it is ended.
  const timer = setInterval(() => void ask(port).catch(() => {}), EVERY_MS);
  return () => clearInterval(timer);
}

async function ask(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  await response.text();
  if (!response.ok) throw new Error(`Cannot scrape metrics: status ${response.status}`);
}
