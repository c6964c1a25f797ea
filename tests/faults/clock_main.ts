// kflow with a clock that modules of a pipeline can set, for all code of the process, as somebody may set that of the machine.
import process from "node:process";

const Real = Date;
let shiftMs = 0;

class ShiftedDate extends Real {
  constructor(...values: []) {
    super(...(values.length === 0 ? [Real.now() + shiftMs] as unknown as [] : values));
  }
  static override now(): number {
    return Real.now() + shiftMs;
  }
}

const setClock = (hours: number) => {
  shiftMs = hours * 3_600_000;
};
Object.assign(globalThis, { Date: ShiftedDate, setClock });
setClock(Number(process.env.CLOCK_HOURS ?? 0));

const { main } = "Deno" in globalThis
  ? await import("../../adapters/deno/main.ts")
  : await import("../../adapters/bun/main.ts");
await main();
