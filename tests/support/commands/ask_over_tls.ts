// Asks the servers at the ports in its arguments over TLS: S3, Elasticsearch and a collector at the first, NATS at the second and third. Prints what each says, one a line.
import process from "node:process";
import { openSocket } from "../../../adapters/deno/open_socket.ts";
import { dialTcp } from "../../../adapters/shared/node/nats_tcp.ts";
import { dialNats } from "../../../src/broker/nats/wire/client.ts";
import { reasonOf, StartError } from "../../../src/base/errors.ts";
import { ElasticClient } from "../../../src/task_types/elastic/client.ts";
import { createLogger } from "../../../src/base/log.ts";
import { S3Store } from "../../../src/store/s3/s3_store.ts";
import { OtlpSpans } from "../../../src/tracing/otlp.ts";

const [, , web = "", tcp = "", socket = ""] = process.argv;
const say = (who: string, what: string) => process.stdout.write(`${who}: ${what}\n`);
const dialled = async (who: string, kind: "tcp" | "websocket", url: string) => {
  try {
    await (await dialNats({
      ...{ url, kind, name: "test", dial: dialTcp },
      ...("Deno" in globalThis &&
        { openSocket: (url: string) => Promise.resolve(openSocket(url)) }),
    })).close();
    say(who, "trusted");
  } catch (error) {
    say(who, `${reasonOf(error)} ${error instanceof StartError && !error.transient && "(final)"}`);
  }
};

const address = `https://localhost:${web}`;
await new S3Store({ endpoint: address }).check("docs").then(
  () => say("s3", "trusted"),
  (error) => say("s3", reasonOf(error)),
);
await new ElasticClient({ address, index: "docs", answerMs: 10_000 }).check().then(
  () => say("elastic", "trusted"),
  (error) => say("elastic", reasonOf(error)),
);
const spans = new OtlpSpans({
  ...{ url: `${address}/v1/traces`, headers: {}, ratio: 1, version: "1", resource: {} },
  log: createLogger({
    write(line) {
      const { reason } = JSON.parse(line);
      if (reason !== undefined) say("otlp", reason);
    },
  }),
});
spans.ended({
  ...{ traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "0000000000000001", name: "a" },
  ...{ kind: "consumer", startMs: 1, endMs: 2, attributes: {} },
});
await spans.close();
await dialled("tcp", "tcp", `tls://127.0.0.1:${tcp}`);
await dialled("websocket", "websocket", `wss://127.0.0.1:${socket}`);
process.exit(0);
