// The source of bench/start/pipeline.yaml and of the chains of `npm run bench:tasks`.
import type { GeneratorContext } from "kflow";

export default function* numbers(ctx: GeneratorContext) {
  for (let n = ctx.position;; n++) yield { n };
}
