import { Buffer } from "node:buffer";
import type { NatsConnection } from "nats";

/** Of each stream, and of each body: who gives a secret away does it early and often. */
const MOST_MESSAGES = 500;
const MOST_BYTES = 16_384;

/** What the streams of a server hold, key-value buckets included: subjects, headers and bodies, a byte a character. */
export async function storedText(client: NatsConnection): Promise<string> {
  const manager = await client.jetstreamManager({ timeout: 2_000 });
  const parts: string[] = [];
  for await (const { config, state } of manager.streams.list()) {
    if (state.messages === 0) continue;
    const reader = await client.jetstream().consumers.get(config.name);
    let left = MOST_MESSAGES;
    for await (const message of await reader.consume()) {
      parts.push(`${config.name} ${message.seq} ${message.subject}`);
      for (const [name, values] of message.headers ?? []) parts.push(`${name}: ${values}`);
      parts.push(Buffer.from(message.data.subarray(0, MOST_BYTES)).toString("latin1"));
      if (message.info.pending === 0 || --left === 0) break;
    }
  }
  return parts.join("\n");
}
