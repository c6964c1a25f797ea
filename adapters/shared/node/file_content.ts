import type * as fs from "node:fs/promises";

const READ_SIZE = 64 * 1024;

/** The content of an open file, read as it is asked for. Closes the file at the end, on an error and when it is cancelled. */
export function fileContent(file: fs.FileHandle): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { bytesRead, buffer } = await file.read(new Uint8Array(READ_SIZE), 0, READ_SIZE);
        if (bytesRead > 0) return controller.enqueue(buffer.subarray(0, bytesRead));
      } catch (error) {
        await file.close().catch(() => {});
        throw error;
      }
      await file.close();
      controller.close();
    },
    async cancel() {
      await file.close();
    },
  }, { highWaterMark: 0 });
}
