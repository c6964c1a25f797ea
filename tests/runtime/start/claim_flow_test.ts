import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { FlowNames } from "../../../src/broker/subjects.ts";
import { StartError } from "../../../src/base/errors.ts";
import { createLogger } from "../../../src/base/log.ts";
import { claimFlow, releaseFlow } from "../../../src/runtime/start/claim_flow.ts";
import { eventually } from "../../support/waiting.ts";
import { planOf, runFlow } from "../../support/in_process/flow.ts";
import { onNats } from "../../support/in_process/on_nats.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

interface Text {
  name: string;
  module?: string;
  mode?: string;
  more?: string;
}

function text({ name, module = "./a.ts", mode = "batch", more = "" }: Text): string {
  return `
name: ${name}
mode: ${mode}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${SCHEMA}', out: [work]}
  - {id: work, type: raw, module: ${module}${more}}
`;
}

onNats("two pipelines under one name", (given) => {
  async function claim(options: Text & { takeOver?: boolean }): Promise<string[]> {
    const logged: string[] = [];
    const plan = await planOf(text(options));
    await claimFlow({
      broker: given.broker,
      plan,
      names: new FlowNames(plan.flowId),
      log: createLogger({ level: "INFO", write: (line) => void logged.push(line) }),
      takeOver: options.takeOver ?? false,
    });
    return logged;
  }

  async function refusalOf(options: Text): Promise<string> {
    const error = await claim(options).then(() => undefined, (caught) => caught);
    assert.ok(error instanceof StartError, String(error));
    assert.equal(error.transient, false);
    return error.message;
  }

  async function fill(name: string): Promise<void> {
    await runFlow({
      yaml: text({ name }),
      broker: given.broker,
      only: ["make"],
      functions: { make: [{ n: 1 }, { n: 2 }, { n: 3 }] },
    });
  }

  it(
    "are refused while records of the one wait, naming what differs and what to do",
    async () => {
      await fill("waiting");
      assert.equal(
        await refusalOf({ name: "waiting", module: "./b.ts" }),
        'Cannot start: on this server "waiting" is the name of another pipeline, and 3 records wait for its task "work": task "work" has the module "./a.ts" there and "./b.ts" here. Give one of them another name (name in the file, or KFLOW_FLOW_ID). If this one replaces it, stop the other and set KFLOW_TAKE_OVER=true',
      );
      // What is refused has changed nothing.
      assert.deepEqual(await claim({ name: "waiting" }), []);
    },
  );

  it(
    "take over on purpose, which is logged; the first is then the one that is refused",
    async () => {
      await fill("taken");
      const [line, ...more] = await claim({ name: "taken", module: "./b.ts", takeOver: true });
      assert.equal(more.length, 0);
      assert.match(line!, /"WARNING".*"Took the flow over from another pipeline".*3 records wait/);
      assert.deepEqual(await claim({ name: "taken", module: "./b.ts" }), []);
      assert.match(await refusalOf({ name: "taken" }), /"\.\/b\.ts" there and "\.\/a\.ts" here/);
    },
  );

  it("are refused while a worker of the one is running that has nothing to do", async () => {
    const stop = new AbortController();
    const running = runFlow({
      yaml: text({ name: "running", mode: "streaming" }),
      broker: given.broker,
      only: ["work"],
      functions: { work: () => {} },
      stop: stop.signal,
    });
    await eventually(
      async () =>
        (await given.broker.queueState("kflow-running-work", "running-work"))?.readers === 1,
      "worker that waits",
    );
    assert.match(
      await refusalOf({ name: "running", mode: "streaming", module: "./b.ts" }),
      /a worker of its task "work" is running/,
    );
    assert.match(
      await refusalOf({
        name: "running",
        mode: "streaming",
        more: "}\n  - {id: make2, type: raw-source, module: ./make.ts, schema: '" + SCHEMA +
          "', out: [work]",
      }),
      /has the producers "make" there and "make, make2" here/,
    );
    stop.abort();
    await running;
    await eventually(
      async () =>
        (await given.broker.queueState("kflow-running-work", "running-work"))?.readers === 0,
      "end of the worker",
    );
    assert.deepEqual(await claim({ name: "running", mode: "streaming", module: "./b.ts" }), []);
  });

  it(
    "are no two if the file was changed and nothing waits, or only gained tasks",
    async () => {
      await claim({ name: "edited" });
      await releaseFlow({ broker: given.broker, names: new FlowNames("edited") });
      assert.deepEqual(await claim({ name: "edited", module: "./b.ts" }), []);
      await fill("grown");
      const more = `}\n  - {id: show, type: print, in: []`;
      assert.deepEqual(
        await claim({
          name: "grown",
          more: more.replace(", in: []", "") +
            "}\n  - {id: other, type: raw-source, module: ./o.ts, schema: '" + SCHEMA +
            "', out: [show]",
        }),
        [],
      );
    },
  );

  it("are refused where they start together, all but one of them", async () => {
    const modules = ["./a.ts", "./b.ts", "./c.ts"];
    const starts = await Promise.allSettled(
      modules.map((module) => claim({ name: "together", module })),
    );
    assert.equal(starts.filter(({ status }) => status === "rejected").length, 2);
    const first = modules[starts.findIndex(({ status }) => status === "fulfilled")]!;
    const [other] = modules.filter((module) => module !== first);
    assert.match(
      await refusalOf({ name: "together", module: other! }),
      /another pipeline, and it was started less than 15 s ago: task "work" has the module/,
    );
    assert.deepEqual(await claim({ name: "together", module: first }), []);
    await releaseFlow({ broker: given.broker, names: new FlowNames("together") });
    assert.deepEqual(await claim({ name: "together", module: other! }), []);
  });

  it("are one where a process does not know the module of another task", async () => {
    await fill("parts");
    const unknown = text({ name: "parts" }).replace(", module: ./a.ts", "");
    const plan = await planOf(unknown);
    const names = new FlowNames("parts");
    const log = createLogger({ level: "INFO", write: () => {} });
    await claimFlow({ broker: given.broker, plan, names, log, takeOver: false });
    assert.match(await refusalOf({ name: "parts", module: "./c.ts" }), /"\.\/a\.ts" there/);
  });

  it("refuse a run before it takes a record", async () => {
    await fill("run");
    const seen: unknown[] = [];
    await assert.rejects(
      runFlow({
        yaml: text({ name: "run", module: "./b.ts" }),
        broker: given.broker,
        functions: { make: [{ n: 4 }], work: (record: unknown) => void seen.push(record) },
      }),
      /^StartError: Cannot start: on this server "run" is the name of another pipeline/,
    );
    assert.deepEqual(seen, []);
  });
});
