import type { SecretMask } from "../secret_mask.ts";

/**
 * What a server says of one document of a `_bulk` request:
 * `written`; `busy`: it has no room or is not ready, and may have in a moment; `broken`: it failed; `barred`: nobody may write into the index, or it is not there;
 * `rejected`: not this document, ever.
 */
export type Verdict = "written" | "busy" | "broken" | "barred" | "rejected";

export interface ItemAnswer {
  readonly verdict: Verdict;
  /** Status, type and reason, in one line. */
  readonly reason: string;
}

const BUSY = new Set([408, 429, 502, 503, 504]);
const BARRED = new Set([401, 403, 404]);

/**
 * The items of an answer to `_bulk`, judged one by one (its HTTP status and `errors` do not say which). Undefined if the text is no such answer, or has not one item for each
 * document that was sent: then nothing is known of any of them.
 */
export function readBulkAnswer(
  text: string,
  sent: number,
  mask: SecretMask,
): ItemAnswer[] | undefined {
  const items = parseJson(text)?.items;
  if (!Array.isArray(items) || items.length !== sent) return undefined;
  const answers: ItemAnswer[] = [];
  for (const item of items) {
    const [entry] = Object.entries(asObject(item) ?? {});
    const answer = asObject(entry?.[1]);
    if (entry === undefined || typeof answer?.status !== "number") return undefined;
    const { status, error } = answer;
    const { type, reason } = readError(error);
    const verdict = verdictOn({ status, type, operation: entry[0] });
    answers.push({ verdict, reason: described({ status, type, reason }, mask) });
  }
  return answers;
}

function verdictOn(
  { status, type, operation }: { status: number; type?: string; operation: string },
): Verdict {
  if (status >= 200 && status < 300) return "written";
  // It was there: an earlier attempt has written it.
  if (status === 409) return operation === "create" ? "written" : "broken";
  if (BUSY.has(status)) return "busy";
  if (status >= 500) return "broken";
  // A closed index is said with 400, and is no document's fault.
  return BARRED.has(status) || type === "index_closed_exception" ? "barred" : "rejected";
}

/** What the body of an answer says is wrong, after its status. */
export function describeAnswer(
  { status, text }: { status: number; text: string },
  mask: SecretMask,
): string {
  const { type, reason } = readError(parseJson(text)?.error);
  return described({ status, type, reason }, mask);
}

/** A JSON object; undefined if the text is something else. */
export function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Of `error` in an answer: `type` and the reason, with the one it was caused by, which says more. */
function readError(error: unknown): { type?: string; reason?: string } {
  if (typeof error === "string") return { reason: error };
  const { type, reason, caused_by: cause } = asObject(error) ?? {};
  const deeper = asObject(cause)?.reason;
  const reasons = [reason, deeper].filter((each) => typeof each === "string");
  return {
    type: typeof type === "string" ? type : undefined,
    reason: reasons.length > 0 ? reasons.join(": ") : undefined,
  };
}

function described(
  { status, type, reason }: { status: number; type?: string; reason?: string },
  mask: SecretMask,
): string {
  const details = [type, reason].filter((part) => part).join(": ");
  return details === "" ? String(status) : `${status} (${oneLine(mask.apply(details))})`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 500);
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : undefined;
}
