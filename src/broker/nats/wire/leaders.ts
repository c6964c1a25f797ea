import type { NatsConnection } from "./client.ts";

/** What a server of a cluster tells everybody when it begins to lead a consumer. */
const LEADS = "$JS.EVENT.ADVISORY.CONSUMER.LEADER_ELECTED";

/**
 * Tells whenever another server leads the consumer: of requests for messages that were made while none did, a server of 2.9 says nothing, and only their silence tells.
 * On a server without a cluster nothing leads. Whoever may not subscribe to that is told nothing. Returns what ends it.
 */
export function followLeaders(
  nc: NatsConnection,
  { stream, group, changed }: { stream: string; group: string; changed: () => void },
): () => void {
  if (nc.info?.cluster === undefined) return () => {};
  const subscription = nc.subscribe(`${LEADS}.${stream}.${group}`, {
    callback: (error) => {
      if (error === null) changed();
    },
  });
  return () => subscription.unsubscribe();
}

/** Whether a server's refusal is of such a subscription, without which a consumer does well too. */
export function isOfLeaders(subject: string): boolean {
  return subject.startsWith(LEADS);
}
