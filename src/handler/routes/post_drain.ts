import { HttpError } from "../../http/http_error.ts";
import type { Drains } from "../drain/drain.ts";
import type { NatsDoor } from "../lazy_nats.ts";

export interface DrainLimits {
  readonly max: number;
  readonly budgetMs: number;
}

const BUDGET_MS = 10_000;
const MOST_BUDGET_MS = 15 * 60_000;

/** What `POST /drain?max=&budget_ms=` asks for. @throws {HttpError} 400 */
export function drainLimits(url: URL): DrainLimits {
  return {
    max: integer(url, "max", Number.MAX_SAFE_INTEGER) ?? Infinity,
    budgetMs: integer(url, "budget_ms", MOST_BUDGET_MS) ?? BUDGET_MS,
  };
}

/** `POST /drain`: works off what waits, and answers what was done and whether something is left. */
export async function postDrain(
  { nats, drains }: { nats: NatsDoor; drains: Drains },
  { max, budgetMs }: DrainLimits,
): Promise<Response> {
  const until = performance.now() + budgetMs;
  return Response.json(await drains.run(await nats.broker(), { max, until }));
}

function integer(url: URL, name: string, most: number): number | undefined {
  const text = url.searchParams.get(name);
  if (text === null || text === "") return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (number >= 1 && number <= most) return number;
  throw new HttpError(400, `Cannot read ?${name}=${text}`, {
    hint: `give a whole number from 1 to ${most}`,
  });
}
