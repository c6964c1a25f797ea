import { createServer } from "node:net";

/** A TCP port of 127.0.0.1 that no program listens on now; the system chooses it. */
export async function freePort(): Promise<number> {
  const port = await listenedPort(0);
  if (port === undefined) throw new Error("Cannot find a free port");
  return port;
}

/** A free port below `limit`, for a program that accepts no other. */
export async function freePortBelow(limit: number): Promise<number> {
  const first = 1_024;
  for (let tries = 0; tries < 100; tries++) {
    const port = await listenedPort(first + Math.floor(Math.random() * (limit - first)));
    if (port !== undefined) return port;
  }
  throw new Error(`Cannot find a free port below ${limit}`);
}

/** Listens for a moment. Undefined if the port is taken. */
async function listenedPort(wanted: number): Promise<number | undefined> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(wanted, "127.0.0.1", () => resolve(true));
  });
  if (!listens) return undefined;
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return address === null || typeof address === "string" ? undefined : address.port;
}
