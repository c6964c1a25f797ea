import type { IncomingMessage } from "node:http";

const AHEAD_BYTES = 64 * 1024;

/** The body of a request, read as it is asked for. Cancelled, the rest is thrown away and the connection stays, so that the request can still be answered. */
export function requestBody(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      incoming.on("data", (chunk: Uint8Array) => {
        controller.enqueue(new Uint8Array(chunk));
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      let isOver = false;
      const over = (end: () => void) => {
        if (isOver) return;
        isOver = true;
        try {
          end();
        } catch {
          // It was cancelled before.
        }
      };
      incoming.once("end", () => over(() => controller.close()));
      const broken = () => over(() => controller.error(new Error("The request was broken off")));
      incoming.once("error", broken);
      incoming.once("close", broken);
    },
    pull() {
      incoming.resume();
    },
    cancel() {
      incoming.removeAllListeners("data");
      incoming.resume();
    },
  }, new ByteLengthQueuingStrategy({ highWaterMark: AHEAD_BYTES }));
}
