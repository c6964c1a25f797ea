import type { Broker, TopicSpec } from "../../broker/broker.ts";

/** Bytes of a stream that is made here. */
const STREAM_BYTES = 1 << 30;
/** The embedded broker keeps them in memory. */
const EMBEDDED_STREAM_BYTES = 4 << 20;
const WINDOW_MS = 600_000;

/** A topic of error records, as whoever comes first makes it: a task that writes there or a source that reads it. */
export function errorTopic(subject: string, broker: Pick<Broker, "durable">): TopicSpec {
  const maxBytes = broker.durable ? STREAM_BYTES : EMBEDDED_STREAM_BYTES;
  return { subject, maxBytes, duplicateWindowMs: WINDOW_MS };
}
