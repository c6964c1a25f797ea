/** One step of a trace that is over. */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Of the step that this one follows from; absent: the trace begins here. */
  readonly parentId?: string | undefined;
  /** `tracestate` that the trace came with. */
  readonly state?: string | undefined;
  /** What was done, such as `process resize`: few different names. */
  readonly name: string;
  /** The side of a message or a call that the step was on. */
  readonly kind: "server" | "consumer" | "producer";
  /** Milliseconds since 1970, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Why it failed; absent: it did not. */
  readonly error?: string | undefined;
}

/**
 * Port: where the steps of traces are sent to. They are a help for whoever watches and never hold up the work: what cannot be sent in time is
 * dropped, counted and logged.
 */
export interface Spans {
  /** Whether a trace that begins here is sent: the same for the same id, wherever it is asked. */
  samples(traceId: string): boolean;
  /** Takes a step that is over. Never throws and never waits. */
  ended(span: Span): void;
  /** Steps that were dropped so far. */
  readonly dropped: number;
  /** Sends what is left, within a few seconds. Nothing is taken afterwards. Safe to call twice. */
  close(): Promise<void>;
}
