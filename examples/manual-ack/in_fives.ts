import { BasicRuntime, type CloseContext, type Context, type OpenContext } from "kflow";

/** Stands for a service that takes whole batches: what it has not been sent does not count as done. */
export class InFives {
  #size = 5;
  #batch = 1;
  #count = 0;

  open(ctx: OpenContext) {
    this.#size = ctx.meta.getInteger("batch.size", 5);
  }

  process(order: { id: number; pieces: number }, ctx: Context) {
    const label = { order: order.id, batch: this.#batch, place: ++this.#count };
    if (this.#count === this.#size) {
      this.#count = 0;
      this.#batch++;
      ctx.requestAck();
    }
    return label;
  }

  close(ctx: CloseContext) {
    ctx.requestAck();
  }
}

const runtime = new BasicRuntime({ manualAck: true }).addProcessFunction(new InFives());
export default runtime;

if (import.meta.main) await runtime.run();
