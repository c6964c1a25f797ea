// The function of bench/large/pipeline.yaml.
import type { Context } from "kflow";

export default async function copy({ key }: { key: string }, ctx: Context): Promise<void> {
  if (ctx.localPath === undefined) throw new Error(`"${key}" was not downloaded`);
  await ctx.store.upload(ctx.localPath, "large-out", key);
}
