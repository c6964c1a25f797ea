import { recordsOn } from "../support/servers/records_on.ts";
import { isStrange } from "./strange_records.ts";
import type { StoredMessage, TestServers } from "../support/servers/test_servers.ts";

/** Where the numbered inputs of a flow have ended, as clients find it that are not ours. Each is there as often as it is stored. */
export interface Ends {
  readonly outputs: readonly number[];
  readonly deadLetters: readonly number[];
  /** Inputs that the function gave up with an `AckError`, by their error records. */
  readonly givenUp: readonly number[];
}

export interface Verdict {
  readonly lost: readonly number[];
  /** More than once in the same place. */
  readonly doubled: readonly number[];
  /** In more than one place. */
  readonly torn: readonly number[];
}

/** What is wrong with the ends of inputs 0 to `count` - 1. Error records come once for each attempt, so that they alone may be there again. */
export function judge({ outputs, deadLetters, givenUp }: Ends, count: number): Verdict {
  const inputs = Array.from({ length: count }, (_none, n) => n);
  const counted = [outputs, deadLetters, givenUp].map(countsOf);
  const places = (n: number) => counted.filter((counts) => counts.has(n)).length;
  return {
    lost: inputs.filter((n) => places(n) === 0),
    doubled: inputs.filter((n) => counted.slice(0, 2).some((counts) => (counts.get(n) ?? 0) > 1)),
    torn: inputs.filter((n) => places(n) > 1),
  };
}

function countsOf(numbers: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const n of numbers) counts.set(n, (counts.get(n) ?? 0) + 1);
  return counts;
}

/** The numbers in the records that a stream holds; none if there is no such stream. */
export async function numbersIn(servers: TestServers, stream: string): Promise<number[]> {
  if (!await servers.isStream(stream)) return [];
  const records = await recordsOn(servers, stream, ({ body }) => !isStrange(body));
  return records.map(({ n }) => Number(n));
}

/** The numbers that error records name as `n=…` and say that are given up. */
export function givenUpIn(messages: readonly StoredMessage[]): number[] {
  return messages.flatMap(({ body }) => {
    const [, n] = /given up n=(\d+)/.exec(new TextDecoder().decode(body)) ?? [];
    return n === undefined ? [] : [Number(n)];
  });
}
