/** Steps of a worker before and after which a test may end it (DESIGN.md 6), and what is next or has just been done there. */
export const FAILPOINTS = {
  after_delivery: "deliveries were taken from the broker, none is decoded",
  before_download: "the object of a record is asked for",
  after_download: "the object is a file",
  before_call: "the function is called",
  after_call: "the function has returned, nothing is encoded",
  before_flush: "the function writes a bulk",
  after_flush: "the bulk is written",
  before_publish: "a record is handed to the broker",
  after_publish: "it was handed over and is not confirmed",
  before_publish_confirmed: "the confirmation is there and nobody knows",
  after_publish_confirmed: "the confirmation was taken in",
  before_error_record: "as before_publish, of an error record",
  after_error_record: "as after_publish_confirmed, of an error record",
  before_dead_letter: "as before_publish, of a dead letter",
  after_dead_letter: "as after_publish_confirmed, of a dead letter",
  before_put: "an object is written to the store",
  after_put: "the store has the object",
  before_ack: "an input is acknowledged",
  after_ack: "the acknowledgement was handed over",
  before_nak: "an input is handed back",
  after_nak: "the handing back was handed over",
  before_remove: "a download is removed",
  after_remove: "the download is removed",
  before_finished: "the end of a task is recorded",
  after_finished: "the end is recorded",
} as const satisfies Readonly<Record<string, string>>;

export type Failpoint = keyof typeof FAILPOINTS;

/** Called whenever a worker comes by one. */
export type Hit = (point: Failpoint) => void;

/** Which time at which point something is to happen: `after_ack`, `after_ack:3`, `after_ack:3:SIGKILL`. */
export interface FailpointSetting {
  readonly point: Failpoint;
  /** From 1. */
  readonly time: number;
  readonly signal: string;
}

/** Undefined if it is none. */
export function readFailpoint(text: string): FailpointSetting | undefined {
  const [, point, time = "1", signal = "SIGKILL"] =
    /^([a-z_]+)(?::([1-9]\d{0,8}))?(?::(SIGKILL|SIGTERM|SIGSTOP))?$/.exec(text) ?? [];
  if (point === undefined || !Object.hasOwn(FAILPOINTS, point)) return undefined;
  return { point: point as Failpoint, time: Number(time), signal };
}
