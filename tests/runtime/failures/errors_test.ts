import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import { AckError } from "../../../src/api/ack_error.ts";
import type { Context } from "../../../src/api/context.ts";
import type { ErrorRecord } from "../../../src/runtime/failures/error_record.ts";
import { onBothBrokers } from "../../support/in_process/both_brokers.ts";
import { ErrorTopic } from "../../support/in_process/error_topic.ts";
import { type FlowOptions, runFlow } from "../../support/in_process/flow.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";

const SCHEMA =
  '{"type":"record","name":"in","fields":[{"name":"n","type":"int"},{"name":"text","type":"string"}]}';

interface Input {
  n: number;
  text: string;
}

class NetworkException extends Error {}
class AlgorithmException extends Error {}

/** The product document's `MyException`: the function says whether its input is acknowledged. */
class MyException extends AckError {
  readonly #behaviour: boolean;

  constructor(message: string, behaviour: boolean) {
    super(message);
    this.#behaviour = behaviour;
  }

  override shouldAck(): boolean {
    return this.#behaviour;
  }
}

/** As the product document takes an `error` column apart. */
function classAndReason({ error }: Pick<ErrorRecord, "error">): [string, string] {
  const line = error.split("\n").at(-2)!;
  const [clazz, ...reason] = line.split(":");
  return [clazz!, reason.join(":").trim()];
}

/** The same in Python; a `str` has `strip()` where the document writes `trim()`. */
const PYTHON = `
import json, sys
for msg in json.load(sys.stdin):
    line = msg.get("error", "\\n\\n").split("\\n")[-2]
    print(json.dumps([line.split(":")[0], ":".join(line.split(":")[1:]).strip()]))
`;

onBothBrokers("an error of a function", (given) => {
  /** Sends `inputs` numbered texts through `work`, whose errors go to a stream of their own. */
  async function flow(
    work: unknown,
    options: Partial<FlowOptions> & { inputs?: string[]; side?: string; task?: string } = {},
  ) {
    const { inputs = ["a"], side = "", task = "", ...rest } = options;
    const errors = await ErrorTopic.make(given.broker);
    const name = given.flowId();
    const result = await runFlow({
      yaml: `
mode: batch
name: ${name}
globalConfig:
  store: {addr: "memory:"}
  sideStream: {enabled: true, errorTopics: "${side || errors.topic}"}
dag:
  - {id: make, type: raw-source, module: ./make.ts, out: [work], schema: '${SCHEMA}'}
  - {id: work, type: raw, module: ./work.ts, meta: {retry.delay.ms: 1, max.attempts: 3}, out: [show], schema: '${SCHEMA}'${task}}
  - {id: show, type: print}
`,
      broker: given.broker,
      functions: { make: inputs.map((text, n) => ({ n, text })), work },
      ...rest,
    });
    return { ...result, name, errors, work: result.task("work").counts };
  }

  const FAILS = {
    "thrown at once": (error: () => Error) => {
      throw error();
    },
    "from a promise": async (error: () => Error) => {
      await Promise.resolve();
      throw error();
    },
  };

  for (const [how, fail] of Object.entries(FAILS)) {
    it(`is tried again and not acknowledged: an Error ${how}`, async () => {
      const attempts: number[] = [];
      const { printed, work, errors } = await flow((record: Input, ctx: Context) => {
        attempts.push(ctx.delivery.attempt);
        return ctx.delivery.attempt === 1 ? fail(() => new RangeError("not yet")) : record;
      });
      assert.deepEqual(attempts, [1, 2]);
      assert.deepEqual(printed, [{ n: 0, text: "a" }]);
      assert.deepEqual([work.errors, work.nacked, work.acked, work.dead], [1, 1, 1, 0]);
      assert.deepEqual((await errors.records(1)).map(classAndReason), [["RangeError", "not yet"]]);
    });

    it(
      `gives the input up, acknowledged and no dead letter: an AckError ${how}`,
      async () => {
        const attempts: number[] = [];
        const { printed, work, errors } = await flow((_record: Input, ctx: Context) => {
          attempts.push(ctx.delivery.attempt);
          return fail(() => new AckError("never: not this one"));
        });
        assert.deepEqual(attempts, [1]);
        assert.deepEqual(printed, []);
        assert.deepEqual([work.errors, work.nacked, work.acked, work.dead], [1, 0, 1, 0]);
        const records = await errors.records(1);
        assert.deepEqual(records.map(classAndReason), [["AckError", "never: not this one"]]);
      },
    );
  }

  it("publishes nothing of a call whose last record does not fit the schema", async () => {
    const { printed, errors } = await flow((record: Input, ctx: Context) =>
      ctx.delivery.attempt === 1 ? [record, { ...record, n: "many" }] : record
    );
    assert.deepEqual(printed, [{ n: 0, text: "a" }]);
    const [record] = await errors.records(1);
    assert.match(classAndReason(record!)[1], /n: expected int, got "many"/);
  });

  it(
    "leaves the decision about the input to a class that overrides both methods",
    async () => {
      class Later extends AckError {
        override shouldAck() {
          return false;
        }
        override payloadAsJson() {
          return false;
        }
      }
      const { work, errors } = await flow((record: Input, ctx: Context) => {
        if (ctx.delivery.attempt === 1) throw new Later("wait");
        return record;
      });
      assert.deepEqual([work.nacked, work.acked], [1, 1]);
      const [record] = await errors.records(1);
      assert.deepEqual(classAndReason(record!), ["Later", "wait"]);
      assert.deepEqual(decoded(record!), { n: 0, text: "a" });
    },
  );

  it(
    "is retried or given up as the document's MyException says: retried if it may pass, given up if it is permanent",
    async () => {
      const attempts: string[] = [];
      const { printed, errors } = await flow((record: Input, ctx: Context) => {
        attempts.push(`${record.text} ${ctx.delivery.attempt}`);
        try {
          if (record.text === "network" && ctx.delivery.attempt === 1) {
            throw new NetworkException("is away");
          }
          if (record.text === "algorithm") throw new AlgorithmException("cannot");
          return record;
        } catch (error) {
          throw new MyException((error as Error).message, error instanceof AlgorithmException);
        }
      }, { inputs: ["network", "algorithm"] });
      assert.deepEqual(attempts.toSorted(), ["algorithm 1", "network 1", "network 2"]);
      assert.deepEqual(printed, [{ n: 0, text: "network" }]);
      const records = await errors.records(2);
      for (const { payload } of records) assert.ok(JSON.parse(payload).text);
    },
  );

  it("may be any thrown value, and does not end the worker", async () => {
    const hostile = {
      toString() {
        throw new Error("no text");
      },
    };
    class NoAnswer extends AckError {
      override shouldAck(): boolean {
        throw new Error("no answer");
      }
      override payloadAsJson(): boolean {
        throw new Error("no answer");
      }
    }
    class NoMessage extends Error {
      override get message(): string {
        throw new Error("no message");
      }
    }
    const thrown = [
      undefined,
      null,
      5,
      Symbol("s"),
      {},
      hostile,
      new NoAnswer("x"),
      new NoMessage(),
    ];
    const { printed, work, errors } = await flow((record: Input, ctx: Context) => {
      if (ctx.delivery.attempt === 1) throw thrown[record.n];
      return record;
    }, { inputs: thrown.map((_, n) => `t${n}`) });
    assert.equal(printed.length, thrown.length);
    assert.deepEqual([work.errors, work.nacked, work.dead], [thrown.length, thrown.length, 0]);
    for (const record of await errors.records(thrown.length)) {
      assert.match(record.error, /\n\w+: [^\n]*\n$/);
    }
  });

  it("is reported although the function has made its record unprintable", async () => {
    const { printed, work, errors } = await flow((record: Input, ctx: Context) => {
      if (ctx.delivery.attempt > 1) return record;
      Object.assign(record, { self: record, id: Object.create(null) });
      throw new AckError("not yet", { ack: false });
    });
    assert.deepEqual(printed, [{ n: 0, text: "a" }]);
    assert.equal(work.errors, 1);
    const [record] = await errors.records(1);
    assert.deepEqual(JSON.parse(record!.payload), { n: 0, text: "a" });
  });

  it("is reported in six columns, each of them text", async () => {
    const before = Date.now();
    const { errors, name } = await flow(() => {
      throw new AckError("no");
    });
    const [{ topic: _, ...record }] = await errors.records(1) as [ErrorRecord & { topic: string }];
    assert.deepEqual(Object.keys(record), [
      "error",
      "payload",
      "podName",
      "flowId",
      "functionId",
      "timestamp",
    ]);
    for (const column of Object.values(record)) assert.equal(typeof column, "string");
    assert.deepEqual([record.podName, record.flowId, record.functionId], ["pod-1", name, "work"]);
    assert.match(record.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Date.parse(record.timestamp) >= before - 1);
  });

  it(
    "brings the input as JSON if it is an AckError, else as the Avro it came in",
    async () => {
      const { errors } = await flow(({ text }: Input, ctx: Context) => {
        if (text === "json ü") throw new AckError(text);
        if (ctx.delivery.attempt === 1) throw new Error(text);
      }, { inputs: ["json ü", "avro ü"] });
      for (const record of await errors.records(2)) {
        const [, reason] = classAndReason(record);
        if (reason === "json ü") {
          assert.deepEqual(JSON.parse(record.payload), { n: 0, text: "json ü" });
        } else assert.deepEqual(decoded(record), { n: 1, text: "avro ü" });
      }
    },
  );

  it("is taken apart into class and reason as the document does it", async () => {
    const texts = ["one: two:\nthree", "", "ends\n\n"];
    const { errors } = await flow(({ text }: Input) => {
      throw new MyException(text, true);
    }, { inputs: texts });
    const found = (await errors.records(3)).map(classAndReason);
    assert.deepEqual(found.toSorted(), [
      ["MyException", ""],
      ["MyException", "ends"],
      ["MyException", "one: two: three"],
    ]);
  });

  it(
    "is taken apart by the document's Python in a real one",
    { skip: serverSkip("fastavro") },
    async () => {
      const { errors } = await flow(({ text }: Input) => {
        throw new MyException(text, true);
      }, { inputs: ["one: two:\nthree"] });
      assert.deepEqual(await inPython(await errors.records(1)), [
        ["MyException", "one: two: three"],
      ]);
    },
  );

  it("is reported in each of several topics", async () => {
    const others = await ErrorTopic.make(given.broker);
    const { work } = await flow(() => {
      throw new AckError("no");
    }, { side: `${others.topic}, ${others.topic}.more` });
    const records = await others.records(2);
    assert.deepEqual(records.map(({ topic }) => topic).toSorted(), [
      others.topic,
      `${others.topic}.more`,
    ]);
    assert.deepEqual(records.map(classAndReason), [["AckError", "no"], ["AckError", "no"]]);
    assert.equal(work.acked, 1);
  });

  it("is reported once for each failed attempt", async () => {
    const { errors, work } = await flow((_record: Input, ctx: Context) => {
      throw new Error(`attempt ${ctx.delivery.attempt}`);
    }, { deadLetters: { place: "here", put: () => Promise.resolve() } });
    const reasons = (await errors.records(3)).map((record) => classAndReason(record)[1]);
    assert.deepEqual(reasons, ["attempt 1", "attempt 2", "attempt 3"]);
    assert.equal(work.dead, 1);
  });

  it("is reported nowhere by a task whose own globalConfig says so", async () => {
    const { errors, work } = await flow(() => {
      throw new AckError("no");
    }, { task: ", globalConfig: {sideStream: {enabled: false}}" });
    assert.equal(work.acked, 1);
    await errors.records(0);
  });

  it("is reported where the task's own globalConfig says", async () => {
    const others = await ErrorTopic.make(given.broker);
    const { errors } = await flow(() => {
      throw new AckError("no");
    }, { task: `, globalConfig: {sideStream: {errorTopics: "${others.topic}"}}` });
    await errors.records(0);
    assert.deepEqual((await others.records(1)).map(classAndReason), [["AckError", "no"]]);
  });

  for (
    const [what, fail] of [
      ["an Error", () => new Error("no model")],
      ["an AckError", () => new AckError("no model")],
    ] as const
  ) {
    for (const [how, thrown] of Object.entries(FAILS)) {
      it(`in open() ends the worker with the reason: ${what} ${how}`, async () => {
        await assert.rejects(
          flow({
            open: () => thrown(fail),
            process() {
              assert.fail("called although it is not open");
            },
          }),
          /Cannot open task "work": (\w+: )?no model \(errors_test\.ts:/,
        );
      });

      it(`in close() changes no result and is reported: ${what} ${how}`, async () => {
        const { printed, task, errors } = await flow({
          process: (record: Input) => record,
          close: () => thrown(fail),
        }, { inputs: ["a", "b"] });
        assert.equal(printed.length, 2);
        assert.equal(task("work").counts.acked, 2);
        assert.deepEqual(task("work").failures, ['Cannot close task "work": no model']);
        await errors.records(0);
      });
    }
  }

  function decoded({ payload }: ErrorRecord): unknown {
    const bytes = Uint8Array.from(payload, (each) => each.charCodeAt(0));
    return { ...new AvroCodec().parse(SCHEMA).decode(bytes) };
  }
});

async function inPython(records: readonly ErrorRecord[]): Promise<unknown[]> {
  const running = promisify(execFile)("python3", ["-c", PYTHON], { timeout: 30_000 });
  running.child.stdin!.end(JSON.stringify(records));
  const { stdout } = await running;
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}
