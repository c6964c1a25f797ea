import type { Linked } from "../../base/data/linked_list.ts";
import type { Origin, OutMessage } from "../broker.ts";
import type { MadeIds } from "./derived_ids.ts";
import type { MemoryHeaders } from "./memory_headers.ts";

/** A message as a memory stream holds it. */
export interface StoredMessage extends Linked<StoredMessage> {
  readonly message: OutMessage;
  readonly headers: MemoryHeaders;
  readonly sequence: number;
  readonly timestamp: string;
  readonly size: number;
  readonly origin: Origin | undefined;
  /** What was made from it: a redelivery must not store that again, even one that is still being worked on after an ack. */
  made: MadeIds | undefined;
  /** Groups that have still to ack it. */
  open: number;
}

/** The stored message that a message was made from, if it came from this kind of broker. */
export function parentOf(message: OutMessage): StoredMessage | undefined {
  const parent = message.parent as { stored?: StoredMessage } | undefined;
  return parent?.stored;
}
