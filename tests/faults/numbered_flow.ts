import assert from "node:assert/strict";
import type { JetStreamManager } from "nats";
import type { Command, CommandLine, CommandOptions } from "../support/command.ts";
import { FlowFolder } from "../support/flow_folder.ts";
import type { TestServers } from "../support/test_servers.ts";
import { judge, numbersIn } from "./oracle.ts";

export interface NumberedFlowOptions {
  readonly records: number;
  /** Records that the source makes in a second, so that they come for as long as faults do. */
  readonly rate: number;
  /** Bytes that every record has beside its number. @default 0 */
  readonly padding?: number;
  /** How long a function takes for a record, ms. @default 0 */
  readonly workMs?: number;
  readonly ackWaitMs: number;
}

const TASKS = ["make", "first", "second", "store"] as const;
export type NumberedTask = (typeof TASKS)[number];

const SCHEMA = JSON.stringify({
  type: "record",
  name: "number",
  fields: [{ name: "n", type: "int" }, { name: "padding", type: "string" }],
});

/** Numbered records from a source through two functions into a bucket, in bulks. */
export class NumberedFlow {
  readonly id = `numbered-${crypto.randomUUID().slice(0, 8)}`;
  #manager?: JetStreamManager;

  private constructor(
    readonly kflow: CommandLine,
    readonly servers: TestServers,
    readonly folder: FlowFolder,
    readonly options: NumberedFlowOptions,
  ) {}

  static async make(
    { kflow, servers }: { kflow: CommandLine; servers: TestServers },
    options: NumberedFlowOptions,
  ): Promise<NumberedFlow> {
    const flow = new NumberedFlow(kflow, servers, await FlowFolder.make(), options);
    const { folder, id } = flow;
    const { records, padding = 0, workMs = 0 } = options;
    await folder.write(
      "make.ts",
      `export default function* () { for (let n = 0; n < ${records}; n++) yield { n, padding: "x".repeat(${padding}) }; }\n`,
    );
    const wait = `await new Promise((resolve) => setTimeout(resolve, ${workMs})); `;
    await folder.write(
      "pass.ts",
      `export default async (record) => { ${workMs > 0 ? wait : ""}return record; };\n`,
    );
    await folder.write("pipeline.yaml", flow.#yaml());
    await servers.makeBuckets(id);
    return flow;
  }

  worker(task: NumberedTask, options: CommandOptions): Command {
    return this.kflow.start(["worker", this.folder.file("pipeline.yaml"), "--task", task], options);
  }

  /** All tasks in one process. */
  run(options: CommandOptions): Command {
    return this.kflow.start(["run", this.folder.file("pipeline.yaml"), "--run", "once"], options);
  }

  /** How many of its inputs a task has acknowledged. */
  async acked(task: NumberedTask): Promise<number> {
    this.#manager ??= await (await this.servers.client()).jetstreamManager();
    const stream = `kflow-${this.id}-${task}`;
    try {
      const [consumer] = await this.#manager.consumers.list(stream).next();
      return consumer?.ack_floor.stream_seq ?? 0;
    } catch {
      return 0;
    }
  }

  /** Fails unless every record was stored once on each edge and in the bucket. */
  async isCompleteAndOnce(): Promise<void> {
    const { records } = this.options;
    const clean = { lost: [], doubled: [], torn: [] };
    for (const task of ["first", "second", "store"]) {
      const outputs = await numbersIn(this.servers, `kflow-${this.id}-${task}`);
      const verdict = judge({ outputs, deadLetters: [], givenUp: [] }, records);
      assert.deepEqual(verdict, clean, `on the way to ${task}`);
    }
    const outputs = await this.#written();
    assert.deepEqual(judge({ outputs, deadLetters: [], givenUp: [] }, records), clean, "stored");
    assert.deepEqual(await numbersIn(this.servers, `kflow-${this.id}-dead`), []);
  }

  /** A bulk that was written and not acknowledged is written again, cut as it comes: each line counts once (DESIGN.md 7, P6). */
  async #written(): Promise<number[]> {
    const found = new Set<number>();
    for (const body of (await this.servers.objects(this.id)).values()) {
      for (const line of new TextDecoder().decode(body).trim().split("\n")) {
        found.add(JSON.parse(line).n);
      }
    }
    return [...found];
  }

  async remove(): Promise<void> {
    await this.folder.remove();
  }

  #yaml(): string {
    const { rate, ackWaitMs } = this.options;
    const meta = `max.poll.interval.ms: ${ackWaitMs}`;
    const pass =
      `type: raw, module: ./pass.ts, schema: '${SCHEMA}', meta: {${meta}, concurrency: 16}`;
    return `
mode: batch
name: ${this.id}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${SCHEMA}', out: [first], meta: {rate: ${rate}}}
  - {id: first, ${pass}, out: [second]}
  - {id: second, ${pass}, out: [store]}
  - {id: store, type: s3-sink, format: ndjson, topics: "s3a://${this.id}", meta: {${meta}, bulk.enabled: true, bulk.flush.size: 200, bulk.flush.timer: 200}}
`;
  }
}
