import type { NatsConfig, StoreConfig } from "../pipeline/plan/plan.ts";

/** Tells servers apart, and users of one server: what has the same key shares a connection. Holds passwords, so nothing may print it. */
export function serverKey(config: StoreConfig | NatsConfig): string {
  const { address, user, password } = config;
  const token = "token" in config ? config.token : undefined;
  return JSON.stringify([address, user, password?.reveal(), token?.reveal()]);
}
