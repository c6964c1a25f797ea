import type { NamedTask } from "./graph.ts";
import { DEFAULT_POLL_MS } from "../../plan/delivery_meta.ts";

/** After how long an input that the task has not acknowledged comes to it again, ms; undefined for a source that makes its records. */
export function ackWaitOf({ type, kind, meta }: NamedTask): number | undefined {
  if (kind === "source" && type !== "nats-source") return undefined;
  const value = meta.get("max.poll.interval.ms")?.value;
  return typeof value === "number" ? value : DEFAULT_POLL_MS;
}
