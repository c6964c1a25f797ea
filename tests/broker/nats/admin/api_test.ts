import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, type NatsConnection } from "nats";
import { dialTcp } from "../../../../adapters/shared/node/nats_tcp.ts";
import { BrokerError } from "../../../../src/broker/broker.ts";
import { API, ApiError, callApi, type CallOptions } from "../../../../src/broker/nats/admin/api.ts";
import { dialNats } from "../../../../src/broker/nats/wire/client.ts";
import { tidyStream } from "../../../../src/broker/nats/admin/janitor.ts";
import { NatsLink } from "../../../../src/broker/nats/wire/link.ts";
import { NatsState } from "../../../../src/broker/nats/admin/state.ts";
import { type NatsServer, startNats } from "../../../support/servers/nats_server.ts";
import { quiet } from "../../../support/in_process/quiet_log.ts";
import { serverSkip } from "../../../support/servers/server_binary.ts";

const CALL_MS = 600;

const refusal = (code: number, err_code: number, description: string) => ({
  error: { code, err_code, description },
});
const NOT_NOW = refusal(503, 10008, "JetStream system temporarily unavailable");
const NO_STREAM = refusal(404, API.streamNotFound, "stream not found");
const NO_MESSAGE = refusal(404, API.messageNotFound, "no message found");
const LEAVES_OUT = { total: 2, consumers: [], missing: ["absent"] };

/** Answers in the place of JetStream, which the server does not have. */
class Answers {
  readonly #client: NatsConnection;
  readonly #ends: (() => void)[] = [];
  /** Names of the calls, in their order. */
  readonly asked: string[] = [];

  constructor(client: NatsConnection) {
    this.#client = client;
  }

  /** @param answers One for each call; the last for all that follow. */
  async give(name: string, ...answers: readonly object[]): Promise<void> {
    let next = 0;
    const subscription = this.#client.subscribe(`$JS.API.${name}`, {
      callback: (_error, message) => {
        this.asked.push(name);
        message.respond(JSON.stringify(answers[Math.min(next++, answers.length - 1)]));
      },
    });
    this.#ends.push(() => subscription.unsubscribe());
    await this.#client.flush();
  }

  end(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}

describe("callApi()", { skip: serverSkip("nats-server") }, () => {
  let server: NatsServer;
  let client: NatsConnection;
  let link: NatsLink;

  before(async () => {
    server = await startNats({ jetStream: false });
    client = await connect({ servers: server.tcpUrl });
    const { tcpUrl: url } = server;
    const dial = () => dialNats({ url, kind: "tcp", dial: dialTcp, name: "test" });
    link = new NatsLink(await dial(), { address: url, log: quiet, redial: dial, callMs: CALL_MS });
  });
  after(async () => {
    await link?.close();
    await client?.close();
    await server?.stop();
  });

  async function withAnswers(work: (answers: Answers) => Promise<void>): Promise<void> {
    const answers = new Answers(client);
    try {
      await work(answers);
    } finally {
      answers.end();
    }
  }

  const passing: [what: string, answer: object, options: CallOptions][] = [
    ["what a cluster without a leader refuses", NOT_NOW, {}],
    ["for a stream that is there and is not found", NO_STREAM, { isThere: true }],
    ["for what a list leaves out", LEAVES_OUT, { isWhole: true }],
  ];
  for (const [what, answer, options] of passing) {
    it(
      `asks again ${what}, for as long as a call may take`,
      () =>
        withAnswers(async (answers) => {
          await answers.give("PASSES", answer, answer, { fine: true });
          assert.deepEqual(await callApi(link, "PASSES", undefined, options), { fine: true });
          assert.equal(answers.asked.length, 3);

          await answers.give("STAYS", answer);
          await assert.rejects(
            callApi(link, "STAYS", undefined, options),
            (error) =>
              error instanceof BrokerError && error.isAway && /"STAYS"/.test(error.message),
          );
        }),
    );
  }

  it(
    "takes other refusals, and a list with gaps, as they are",
    () =>
      withAnswers(async (answers) => {
        await answers.give("REFUSED", NO_STREAM);
        await assert.rejects(
          callApi(link, "REFUSED"),
          (error) => error instanceof ApiError && error.code === API.streamNotFound,
        );
        await answers.give("LIST", LEAVES_OUT);
        assert.deepEqual(await callApi(link, "LIST"), LEAVES_OUT);
        assert.deepEqual(answers.asked, ["REFUSED", "LIST"]);
      }),
  );

  it(
    "lets a state be read of which a server has not heard yet",
    () =>
      withAnswers(async (answers) => {
        await answers.give("STREAM.INFO.KV_new", { config: { num_replicas: 1 }, state: {} });
        await answers.give("STREAM.MSG.GET.KV_new", NO_STREAM, NO_MESSAGE);
        assert.equal(await new NatsState(link, { bucket: "new" }).get("key"), undefined);
        assert.deepEqual(answers.asked, [
          "STREAM.INFO.KV_new",
          "STREAM.MSG.GET.KV_new",
          "STREAM.MSG.GET.KV_new",
        ]);
      }),
  );

  it(
    "lets nothing be tidied away while it is not known what a group has acked",
    () =>
      withAnswers(async (answers) => {
        const old = "2020-01-01T00:00:00Z";
        const state = { messages: 9, bytes: 900, first_seq: 1, last_seq: 9 };
        await answers.give("STREAM.INFO.q", {
          config: { name: "q", duplicate_window: 1, max_msgs: -1 },
          state: { ...state, first_ts: old, last_ts: old },
        });
        const acked = { name: "one", config: {}, ack_floor: { consumer_seq: 9, stream_seq: 9 } };
        const list = { total: 2, consumers: [acked] };
        await answers.give("CONSUMER.LIST.q", { ...list, missing: ["other"] }, {
          total: 1,
          consumers: [acked],
        });
        await answers.give("STREAM.PURGE.q", { purged: 9 });
        const queue = { stream: "q", subjects: "q.>", maxBytes: 1 << 20, duplicateWindowMs: 1 };
        assert.deepEqual(await tidyStream(link, queue), { old: 0, young: 0 });
        assert.ok(!answers.asked.includes("STREAM.PURGE.q"));
        assert.equal((await tidyStream(link, queue)).old, 9);
      }),
  );
});
