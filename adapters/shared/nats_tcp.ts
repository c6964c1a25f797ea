import { connect, type ConnectionOptions, type NatsConnection } from "nats";

/** Connects to NATS over TCP: `nats` is the same client as nats.ws on another transport. */
export function dialTcp(options: ConnectionOptions): Promise<NatsConnection> {
  return connect(options);
}
