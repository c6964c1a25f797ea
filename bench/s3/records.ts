// The records of bench/s3/pipeline.yaml: `meta.limit` of them.
import type { GeneratorContext } from "kflow";
import { recordOf } from "./setting.ts";

export default function* records(ctx: GeneratorContext) {
  for (let i = ctx.position;; i++) yield recordOf(i);
}
