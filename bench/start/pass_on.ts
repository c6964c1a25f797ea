// The function of bench/start/pipeline.yaml and of the chains of `npm run bench:tasks`: the end of a chain has nobody to pass on to.
import type { OpenContext, ProcessFunction } from "kflow";

interface Numbered {
  n: number;
}

export default class PassOn implements ProcessFunction<Numbered, Numbered> {
  #isEnd = false;

  open({ schemaOut }: OpenContext): void {
    this.#isEnd = schemaOut === undefined;
  }

  process({ n }: Numbered): Numbered | undefined {
    return this.#isEnd ? undefined : { n };
  }
}
