import { printable } from "./text/printable.ts";

/** One mistake in what the user wrote: a place, what is wrong there and what to do about it. */
export interface Finding {
  /** File the mistake is in, as the user named it; a pseudo file such as `--set` or `environment` otherwise. */
  readonly file: string;
  /** 1-based; absent where the place has no line (command line, environment, unreadable file). */
  readonly line?: number;
  /** 1-based. */
  readonly column?: number;
  /** Where in the document, such as `dag[1].meta.max.poll.interval.ms`. */
  readonly path?: string;
  readonly problem: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Names a finding that a program looks for. */
  readonly code?: FindingCode;
}

/** `no-code`: a task of the user's has neither image nor module. */
export type FindingCode = "no-code";

/** `file:line:col path: problem; hint`, the one form in which mistakes are printed. */
export function formatFinding(finding: Finding): string {
  const place = [finding.file, finding.line, finding.column].filter((part) => part !== undefined);
  const path = finding.path ? ` ${finding.path}` : "";
  const hint = finding.hint ? `; ${finding.hint}` : "";
  const text = `${place.join(":")}${path}: ${finding.problem}${hint}`;
  // Keys and values may have line breaks, and each finding is one line.
  return printable(text).replaceAll("\n", "\\u000a");
}

/**
 * The user's file, command line or environment is wrong. Nothing was contacted and nothing was changed.
 * The command line prints every finding and exits with status 2.
 */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  constructor(readonly findings: readonly Finding[]) {
    super(findings.map(formatFinding).join("\n"));
  }
}

/**
 * A run cannot start because something outside is not as it must be: wrong password, missing bucket,
 * unreachable server. The message names the address and the remedy. Exit status 1.
 */
export class StartError extends Error {
  override readonly name = "StartError";
  /** Whether the same start may succeed later without anyone changing anything (a server that is away). */
  readonly transient: boolean;
  /** Whether something takes connections there and does not answer: it hangs, or it is no such server. `transient` too. */
  readonly unanswered: boolean;
  constructor(
    message: string,
    options: { transient?: boolean; unanswered?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.unanswered = options.unanswered ?? false;
    this.transient = options.transient ?? this.unanswered;
  }
}

/**
 * What a sink writes to is away as a whole: the fault is no record's. Whoever holds the records waits until `check` resolves, and no attempt is
 * used up.
 */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
  /** What cannot be used, to begin a log line with. */
  readonly who: string;
  /** How it is, to go on with. */
  readonly state: string;
  /** Resolves if it answers again. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  constructor(
    message: string,
    options: {
      who: string;
      /** @default "is away" */
      state?: string;
      check: (signal: AbortSignal) => Promise<void>;
      cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.who = options.who;
    this.state = options.state ?? "is away";
    this.check = options.check;
  }
}

/** A server or broker refuses this record for good: trying it again cannot help, so that it becomes a dead letter at once. */
export class RejectedError extends Error {
  override readonly name = "RejectedError";
}

/** A source cannot give or send its next record. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  /** Whether trying again cannot help. */
  readonly final: boolean;
  constructor(message: string, options: { final: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.final = options.final;
  }
}

/** The text of anything thrown, for a message or a log line. */
export function reasonOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "something was thrown that has no text";
  }
}

/** Where an error came from; empty if it does not say. Code of users may throw anything. */
export function stackOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.stack ?? "") : "";
  } catch {
    return "";
  }
}

/** Names the class of an error as a person would: that of the code, unless it says no more than "Error". */
export function classOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return "Error";
    const { name } = error.constructor;
    const best = name === "" || name === "Error" || name === "DOMException" ? error.name : name;
    return String(best).replaceAll(/[\s:]+/g, "") || "Error";
  } catch {
    return "Error";
  }
}
