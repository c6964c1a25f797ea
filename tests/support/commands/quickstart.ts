/** The quickstart's function, made slow, talkative or wrong by the environment of its process. */
export const SLOW_MODULE = `
import process from "node:process";
import describe from "./describe.ts";

const { WORK_MS = "0", BAD_KEY, HANG_AT } = process.env;
let calls = 0;

export default async function (record, ctx) {
  ctx.log.info("begins", { key: record.key, attempt: ctx.delivery.attempt });
  if (record.key === BAD_KEY) throw new Error("not this one");
  if (String(++calls) === HANG_AT) await new Promise(() => {});
  await new Promise((resolve) => setTimeout(resolve, Number(WORK_MS)));
  return await describe(record, ctx);
}
`;

/** Result objects by the key of their document. */
export function resultsIn(objects: ReadonlyMap<string, Uint8Array>): Record<string, unknown> {
  return Object.fromEntries(
    [...objects].map(([key, body]) => [
      key.replace(/\.json$/, ""),
      JSON.parse(new TextDecoder().decode(body)),
    ]),
  );
}

/** in, out, errors, redelivered and dead of a task, as a report has them. */
export function countsOf(report: string, task: string): number[] {
  const line = report.split("\n").find((each) => each.startsWith(`${task} `));
  if (line === undefined) throw new Error(`No line for task "${task}" in\n${report}`);
  return line.trim().split(/\s+/).slice(1, 6).map(Number);
}

/** The keys that log lines with this message name, sorted. */
export function loggedKeys(log: string, message: string): string[] {
  return log.split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter((line) => line.message === message)
    .map((line) => String(line.key))
    .sort();
}
