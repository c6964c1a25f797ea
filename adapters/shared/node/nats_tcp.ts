import type { ConnectionOptions, NatsConnection } from "nats";

/** Connects to NATS over TCP: `nats` is the same client as nats.ws on another transport. Loaded when it is needed: it takes 3 MiB. */
export async function dialTcp(options: ConnectionOptions): Promise<NatsConnection> {
  const { connectHeard } = await import("./nats_transport.ts");
  return await connectHeard(options);
}
