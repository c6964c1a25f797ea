import type { Delivery } from "../../broker/broker.ts";

/** What is kept beside the message itself. */
export interface DeathNotice {
  readonly task: string;
  readonly attempts: number;
  readonly error: string;
  /** Where the error came from, as the runtime gives it; empty or absent if it does not say. */
  readonly stack?: string;
}

/** Error text kept in a header, characters. */
const ERROR_LENGTH = 500;
const STACK_LENGTH = 2000;

/** Headers that say what became of a message and where it was. */
export function noticeHeaders(delivery: Delivery, notice: DeathNotice): Record<string, string> {
  return {
    "Kflow-Task": notice.task,
    "Kflow-Edge": delivery.subject,
    "Kflow-Sequence": String(delivery.sequence),
    "Kflow-Timestamp": delivery.timestamp,
    "Kflow-Attempt": String(notice.attempts),
    "Kflow-Error": headerText(notice.error, ERROR_LENGTH),
    ...(notice.stack && { "Kflow-Stack": headerText(notice.stack, STACK_LENGTH) }),
  };
}

/** Writes a header value as one line of ASCII; every other character becomes a `?`. */
function headerText(text: string, limit: number): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/[^\x20-\x7e]/g, "?").trim().slice(
    0,
    limit,
  );
}
