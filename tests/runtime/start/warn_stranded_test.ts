import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { runFlow } from "../../support/in_process/flow.ts";
import { onNats } from "../../support/in_process/on_nats.ts";

const SCHEMA = '{"type":"record","name":"n","fields":[{"name":"n","type":"int"}]}';

onNats("records of a task that was renamed", (given) => {
  async function warnings(options: { task: string; run: string; only?: string[] }) {
    const { task, run, only } = options;
    const warned = Promise.withResolvers<Record<string, unknown>>();
    const work = async () => {
      if (task === "job") await warned.promise;
    };
    const { logged } = await runFlow({
      yaml: `
name: renamed
mode: batch
dag:
  - {id: make, type: raw-source, module: ./x.ts, schema: '${SCHEMA}', out: [${task}]}
  - {id: ${task}, type: raw, module: ./x.ts}
`,
      broker: given.broker,
      run,
      only,
      told: (line) => {
        if (String(line.message).startsWith("Records wait for task")) warned.resolve(line);
      },
      functions: { make: [{ n: 1 }, { n: 2 }, { n: 3 }], [task]: work },
    });
    return logged.filter(({ message }) => /^Records wait for task/.test(String(message)));
  }

  it("are warned of with their number, until they are done", async () => {
    assert.deepEqual(await warnings({ task: "work", run: "one", only: ["make"] }), []);
    const [warning, ...more] = await warnings({ task: "job", run: "two" });
    assert.equal(more.length, 0);
    assert.equal(warning!.level, "WARNING");
    assert.match(
      String(warning!.message),
      /^Records wait for task "work", which the pipeline does not have/,
    );
    assert.deepEqual([warning!.stream, warning!.waiting], ["kflow-renamed-work", 3]);
  });
});
