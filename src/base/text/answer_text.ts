import type { Attempt } from "../data/request_attempt.ts";
import { joinChunks } from "../data/body_chunks.ts";
import { chunkReader } from "../data/chunk_reader.ts";

export interface AnswerTextOptions {
  readonly attempt: Attempt;
  /** No sign of the server for this long ends the attempt. */
  readonly idleMs: number;
  /** Bytes. */
  readonly limit: number;
}

/** The text of an answer, up to about a limit: of a longer one the beginning, and it is not whole. Whoever calls it ends the attempt, and with it what is left of the answer. */
export async function answerText(
  response: Response,
  { attempt, idleMs, limit }: AnswerTextOptions,
): Promise<{ text: string; whole: boolean }> {
  const reader = chunkReader(response.body);
  const length = Number(response.headers.get("content-length") ?? NaN);
  const announced = Number.isSafeInteger(length) ? length : limit;
  const parts: Uint8Array[] = [];
  let size = 0;
  while (size <= limit) {
    const left = announced - size;
    const { done, value } = await attempt.wait(idleMs, () => reader.read(left));
    if (done) break;
    parts.push(value);
    size += value.length;
  }
  return { text: new TextDecoder().decode(joinChunks(parts)), whole: size <= limit };
}
