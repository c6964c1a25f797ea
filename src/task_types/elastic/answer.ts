import type { SecretMask } from "../../base/secret_mask.ts";

/**
 * What a server says of one document of a `_bulk` request:
 * `written`; `busy`: it has no room or is not ready; `broken`: it failed; `barred`: the index does not exist or takes no documents at present; `disputed`: refused
 * for a reason that may lie with the index or with the document; `rejected`: the document does not fit the index.
 */
export type Verdict = "written" | "busy" | "broken" | "barred" | "disputed" | "rejected";

export interface ItemAnswer {
  readonly verdict: Verdict;
  /** The server's name for the error, if it gave one. */
  readonly type?: string;
  /** Status, type and reason, in one line. */
  readonly reason: string;
}

const BUSY = new Set([408, 429, 502, 503, 504]);
const BARRED = new Set([401, 403, 404]);
/** What the server says, with 400 or 429, of the index or the cluster: no document is at fault. */
const BARRED_TYPES = new Set([
  "cluster_block_exception",
  "index_closed_exception",
  "index_not_found_exception",
  "invalid_alias_name_exception",
  "invalid_index_name_exception",
  "validation_exception",
]);
/** The reasons of an `illegal_argument_exception` that name the target: the limit of shards, an alias without a write index, a data stream, a missing pipeline. */
const BARRED_REASON = /shards|write index|op_type|data stream|\balias\b|\bpipeline\b/i;
/** The target is a data stream whose field of time the schema does not have: no record ever fits. Anchored, for a reason may quote the record. */
const NO_TIMESTAMP =
  /^failed to parse: (documents must contain a single-valued timestamp field|data stream timestamp field \[[^\]]*\] is missing)/;
/** Errors in reading the document as the mapping of the index wants it. */
const REJECTED_TYPE = /_pars(e|ing)_exception$|^strict_dynamic_mapping_exception$/;

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
    const verdict = verdictOn({ status, type, reason, operation: entry[0] });
    answers.push({ verdict, type, reason: described({ status, type, reason }, mask) });
  }
  return answers;
}

function verdictOn(
  { status, type = "", reason = "", operation }: {
    status: number;
    type?: string;
    reason?: string;
    operation: string;
  },
): Verdict {
  if (status >= 200 && status < 300) return "written";
  // It was there: an earlier attempt has written it.
  if (status === 409) return operation === "create" ? "written" : "broken";
  if (BARRED.has(status) || BARRED_TYPES.has(type)) return "barred";
  if (BUSY.has(status)) return "busy";
  if (status >= 500) return "broken";
  if (NO_TIMESTAMP.test(reason)) return "barred";
  if (REJECTED_TYPE.test(type)) return "rejected";
  return BARRED_REASON.test(reason) ? "barred" : "disputed";
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
