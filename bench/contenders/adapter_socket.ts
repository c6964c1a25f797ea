/** How our adapter opens websockets on this runtime; undefined where the platform's own will do. */
export const adapterSocket: ((url: string) => WebSocket) | undefined = "Deno" in globalThis
  ? (await import("../../adapters/deno/open_socket.ts")).openSocket
  : undefined;
