import type { NatsConnection } from "./nats_client.ts";

const CRLF = new Uint8Array([13, 10]);

/** Where the client takes what it sends: its `publish` ends here too, after taking a message apart into four pieces. */
interface Outlet {
  sendCommand(command: string, ...payloads: Uint8Array[]): void;
}

/** Headers as NATS has them on the wire, with how many bytes that are. */
export interface HeaderText {
  readonly text: string;
  readonly bytes: number;
}

/**
 * Sends a message with headers. Protocol line and headers go as one text, which costs half of what the client's `publish` does. Whoever calls it looks at the size before; on a
 * connection that has ended it does nothing.
 */
export function sendMessage(
  nc: NatsConnection,
  message: { subject: string; reply: string; header: HeaderText; body: Uint8Array },
): void {
  const { subject, reply, header: { text, bytes }, body } = message;
  outletOf(nc).sendCommand(
    `HPUB ${subject} ${reply} ${bytes} ${bytes + body.length}\r\n${text}`,
    body,
    CRLF,
  );
}

/** Sends a short text in ASCII without headers. */
export function sendText(nc: NatsConnection, subject: string, text: string, reply = ""): void {
  const to = reply === "" ? subject : `${subject} ${reply}`;
  outletOf(nc).sendCommand(`PUB ${to} ${text.length}\r\n${text}\r\n`);
}

function outletOf(nc: NatsConnection): Outlet {
  return (nc as unknown as { protocol: Outlet }).protocol;
}
