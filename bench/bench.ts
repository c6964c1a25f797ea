// `npm run bench`: starts NATS servers of its own and lets our worker and others work off the same streams in turn, on Deno and on Bun.
import { parseArgs } from "node:util";
import process from "node:process";
import type { BenchOptions } from "./comparison.ts";
import { COMPARISONS } from "./comparisons.ts";
import { type Runtime, RUNTIMES } from "./measuring/run_script.ts";
import { coldStart } from "./gate/cold_start.ts";
import { firstRecord } from "./gate/first_record.ts";
import type { Measured } from "./gate/measure.ts";
import { testTimes } from "./gate/test_times.ts";
import { verdict } from "./gate/verdict.ts";
import { workerMeasure } from "./gate/worker.ts";

const USAGE = `npm run bench -- [options]
  --only NAME       one comparison, or with --gate one measure; may be repeated
  --rounds N        rounds of each instead of its own number
  --records N       no more records than this in any, to try it out
  --runtime NAME    deno or bun alone
  --tcp             our worker speaks TCP to the server instead of websockets
  --gate            measures all that has a bound and prints a table and a verdict; status 1 if something is not within its bound
  --least RATIO     with --gate: bound of the worker's rate, of that of the loop by hand (0.75)

comparisons
${COMPARISONS.map(({ name, about }) => `  ${name.padEnd(16)}  ${about}`).join("\n")}

measures of --gate
${gateMeasures(0).map(({ name, about }) => `  ${name.padEnd(16)}  ${about}`).join("\n")}`;

process.exit(await main());

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      records: { type: "string" },
      runtime: { type: "string" },
      tcp: { type: "boolean", default: false },
      gate: { type: "boolean", default: false },
      least: { type: "string", default: "0.75" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const options: BenchOptions = {
    rounds: values.rounds === undefined ? undefined : count("--rounds", values.rounds),
    records: values.records === undefined ? undefined : count("--records", values.records),
    runtimes: runtimesOf(values.runtime),
    tcp: values.tcp,
    say: (line) => console.error(line),
  };
  if (values.gate) {
    const measured: Measured[] = [];
    for (const { run } of chosen("measure", gateMeasures(Number(values.least)), values.only)) {
      measured.push(...await run(options));
    }
    const { text, ok } = verdict(measured);
    console.log(text);
    return ok ? 0 : 1;
  }
  for (const { name, about, run } of chosen("comparison", COMPARISONS, values.only)) {
    console.log(`\n== ${name}: ${about}`);
    const say = (line: string) => options.say(`${name}: ${line}`);
    console.log(await run({ ...options, say }));
  }
  return 0;
}

function gateMeasures(least: number) {
  return [workerMeasure(least), coldStart, firstRecord, testTimes];
}

/** Those with these names; all if there are none. */
function chosen<T extends { name: string }>(
  kind: string,
  all: readonly T[],
  names: readonly string[],
): readonly T[] {
  for (const name of names) {
    if (!all.some((each) => each.name === name)) wrong(`no ${kind} is named "${name}"`);
  }
  return names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
}

function count(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) wrong(`${name} is "${text}": 1 or more`);
  return number;
}

function runtimesOf(name: string | undefined): Runtime[] {
  const all = Object.keys(RUNTIMES) as Runtime[];
  const found = all.filter((each) => name === undefined || each === name);
  if (found.length === 0) wrong(`no runtime is named "${name}"`);
  return found;
}

function wrong(problem: string): never {
  console.error(`${problem}\n\n${USAGE}`);
  process.exit(2);
}
