// `npm run bench`: starts NATS servers of its own and lets our worker and others work off the same streams in turn, on Deno and on Bun.
import { parseArgs } from "node:util";
import process from "node:process";
import type { BenchOptions } from "./comparison.ts";
import { COMPARISONS } from "./comparisons.ts";
import { type Runtime, RUNTIMES } from "./measuring/run_script.ts";
import { short } from "./short.ts";

const USAGE = `npm run bench -- [options]
  --only NAME       one comparison; may be repeated
  --rounds N        rounds of each instead of its own number
  --records N       no more records than this in any, to try it out
  --runtime NAME    deno or bun alone
  --tcp             our worker speaks TCP to the server instead of websockets
  --short           the form for CI: ends with status 1 if our worker is slower than --least
  --least RATIO     of the loop by hand (0.75)

${COMPARISONS.map(({ name, about }) => `  ${name.padEnd(16)}  ${about}`).join("\n")}`;

process.exit(await main());

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      records: { type: "string" },
      runtime: { type: "string" },
      tcp: { type: "boolean", default: false },
      short: { type: "boolean", default: false },
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
  if (values.short) {
    const { text, problem } = await short(options, Number(values.least));
    console.log(problem === undefined ? text : `${text}\n${problem}`);
    return problem === undefined ? 0 : 1;
  }
  for (const name of values.only) {
    if (!COMPARISONS.some((each) => each.name === name)) wrong(`no comparison is named "${name}"`);
  }
  for (const { name, about, run } of COMPARISONS) {
    if (values.only.length > 0 && !values.only.includes(name)) continue;
    console.log(`\n== ${name}: ${about}`);
    const say = (line: string) => options.say(`${name}: ${line}`);
    console.log(await run({ ...options, say }));
  }
  return 0;
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
