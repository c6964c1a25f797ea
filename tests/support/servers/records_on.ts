import { Buffer } from "node:buffer";
import avsc from "avsc";
import type { StoredMessage, TestServers } from "./test_servers.ts";

/** The records that a stream holds, as plain avsc decodes them by the schemas that were registered. */
export async function recordsOn(
  servers: TestServers,
  stream: string,
  which: (message: StoredMessage) => boolean = () => true,
): Promise<Record<string, unknown>[]> {
  const messages = (await servers.messages(stream)).filter(which);
  const schemas = await servers.schemas();
  const types = new Map<string, avsc.Type>();
  return messages.map(({ body, headers }) => {
    const fingerprint = headers["Kflow-Schema"] ?? "";
    let type = types.get(fingerprint);
    if (type === undefined) {
      types.set(fingerprint, type = avsc.Type.forSchema(JSON.parse(schemas.get(fingerprint)!)));
    }
    return type.fromBuffer(Buffer.from(body));
  });
}
