import { readFile } from "node:fs/promises";
import type { Context } from "kflow";

/** Size and lines of a document, from the file that kflow has downloaded. */
export default async function measure(record: { key: string }, ctx: Context) {
  const content = await readFile(ctx.localPath!);
  await new Promise((resolve) => setTimeout(resolve, Number(ctx.meta.getString("pause"))));
  const lines = content.filter((byte) => byte === 10).length;
  ctx.log.info("measured", { key: record.key });
  return { key: record.key, size: content.length, lines };
}
