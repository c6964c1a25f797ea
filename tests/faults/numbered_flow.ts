import assert from "node:assert/strict";
import type { JetStreamManager } from "nats";
import type { Command, CommandLine, CommandOptions } from "../support/commands/command.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";
import { note } from "../support/note.ts";
import type { TestServers } from "../support/servers/test_servers.ts";
import { givenUpIn, judge, numbersIn, type Verdict } from "./oracle.ts";

export interface NumberedFlowOptions {
  /** So many, or as many as the source has made when `enough` is called. */
  readonly records: number | "until enough";
  /** Records that the source makes in a second, so that they come for as long as faults do. */
  readonly rate: number;
  /** Bytes that every record has beside its number. @default 0 */
  readonly padding?: number;
  /** What the queue of a task holds, bytes: of what is acknowledged half as much is there to be read at the end. @default as kflow has it */
  readonly queueBytes?: number;
  /** How long a function takes for a record, ms. @default 0 */
  readonly workMs?: number;
  readonly ackWaitMs: number;
  /**
   * Whether every record has an object of its own to be downloaded, and some fail: one in a hundred is given up, one in five hundred never succeeds, one in fifty only
   * when it comes again. @default false
   */
  readonly mixed?: boolean;
}

const TASKS = ["make", "first", "second", "store"] as const;
export type NumberedTask = (typeof TASKS)[number];

const SCHEMA = JSON.stringify({
  type: "record",
  name: "number",
  fields: [
    { name: "n", type: "int" },
    { name: "padding", type: "string" },
    { name: "bucket", type: "string" },
    { name: "key", type: "string" },
  ],
});

/** Files of the source: there when it shall end, and how many records it has made. */
const ENOUGH = "enough";
const MADE = "made";

/** So that what is acknowledged is still there to be read at the end. */
const WINDOW_MS = 3_600_000;

/** Objects that the records name in turn. */
const OBJECTS = 100;

const MIXED = `
import { readFileSync } from "node:fs";
import { AckError } from "kflow";
export default async (record, ctx) => {
  const { n, key } = record;
  await new Promise((resolve) => setTimeout(resolve, 1));
  if (readFileSync(ctx.localPath, "utf8") !== key) throw new Error("another file");
  if (n % 100 === 3) throw new AckError("given up n=" + n);
  if (n % 500 === 7) throw new Error("never");
  if (n % 50 === 11 && ctx.delivery.attempt === 1) throw new Error("not yet");
  return record;
};
`;

export interface Standing {
  /** Messages that nobody has yet. */
  readonly waiting: number;
  /** Handings-over so far. */
  readonly delivered: number;
  /** Every message up to it in the stream is acknowledged. */
  readonly acked: number;
}

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
    const { workMs = 0, mixed = false } = options;
    await folder.write("make.ts", flow.#source());
    if (mixed) await folder.write("mixed.ts", MIXED);
    const wait = `await new Promise((resolve) => setTimeout(resolve, ${workMs})); `;
    await folder.write(
      "pass.ts",
      `export default async (record) => { ${workMs > 0 ? wait : ""}return record; };\n`,
    );
    const yaml = flow.#yaml();
    await folder.write("pipeline.yaml", yaml);
    await folder.write("other.yaml", yaml.replaceAll(/module: \S+\.ts/g, "module: ./other.ts"));
    await folder.write("other.ts", "export default () => { throw new Error('intruder'); };\n");
    await servers.makeBuckets(id);
    if (mixed) {
      await servers.makeBuckets(flow.#docs);
      const keys = Array.from({ length: OBJECTS }, (_none, i) => `docs/${i}`);
      await servers.put(
        flow.#docs,
        new Map(keys.map((key) => [key, new TextEncoder().encode(key)])),
      );
    }
    return flow;
  }

  worker(task: NumberedTask, options: CommandOptions): Command {
    return this.kflow.start(["worker", this.folder.file("pipeline.yaml"), "--task", task], options);
  }

  /** A worker of another pipeline that has the name of this one. */
  intruder(options: CommandOptions): Command {
    return this.kflow.start(["worker", this.folder.file("other.yaml"), "--task", "first"], options);
  }

  /** All tasks in one process. */
  run(options: CommandOptions): Command {
    return this.kflow.start(["run", this.folder.file("pipeline.yaml"), "--run", "once"], options);
  }

  /** Ends a source that makes records until then. */
  async enough(): Promise<void> {
    await this.folder.write(ENOUGH, "");
  }

  /** How a task stands with its inputs. */
  async standing(task: NumberedTask): Promise<Standing> {
    this.#manager ??= await (await this.servers.client()).jetstreamManager();
    const [consumer] = await this.#manager.consumers.list(`kflow-${this.id}-${task}`).next();
    return {
      waiting: consumer?.num_pending ?? 0,
      delivered: consumer?.delivered.consumer_seq ?? 0,
      acked: consumer?.ack_floor.stream_seq ?? 0,
    };
  }

  /**
   * Fails unless every record was stored once on each edge and in the bucket, or ended otherwise and once where some fail. Notes what it has counted.
   * @param what Happened before.
   */
  async isCompleteAndOnce(what: string): Promise<void> {
    const { servers, id, options } = this;
    const records = await this.#records();
    const deadLetters = await numbersIn(servers, `kflow-${id}-dead`);
    const errors = await servers.messages(this.#errors).catch(() => []);
    const failed = { deadLetters, givenUp: givenUpIn(errors) };
    const succeeds = { deadLetters: [], givenUp: [] };
    const clean = { lost: [], doubled: [], torn: [] };
    const verdicts = new Map<string, Verdict>();
    for (const task of ["first", "second", "store"]) {
      const outputs = await numbersIn(servers, `kflow-${id}-${task}`);
      const others = task === "first" ? succeeds : failed;
      verdicts.set(`on the way to ${task}`, judge({ outputs, ...others }, records));
    }
    const stored = judge({ outputs: await this.#written(), ...failed }, records);
    verdicts.set("stored", stored);
    const count = (of: keyof Verdict) =>
      [...verdicts.values()].reduce((sum, verdict) => sum + verdict[of].length, 0);
    note(`${what}: ${records} records, lost ${count("lost")}, doubled ${count("doubled")}`);
    for (const [place, verdict] of verdicts) assert.deepEqual(verdict, clean, place);
    if (options.mixed !== true) assert.deepEqual(failed, succeeds);
  }

  /** How many the source has made. */
  async #records(): Promise<number> {
    const { records } = this.options;
    if (records !== "until enough") return records;
    return Number(new TextDecoder().decode(await this.folder.read(MADE)));
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

  get #docs(): string {
    return `${this.id}-docs`;
  }

  get #errors(): string {
    return `errors-${this.id}`;
  }

  #source(): string {
    const { records, padding = 0 } = this.options;
    const [enough, made] = [ENOUGH, MADE].map((name) => JSON.stringify(this.folder.file(name)));
    const isMore = records === "until enough" ? `!existsSync(${enough})` : `n < ${records}`;
    return `
import { existsSync, writeFileSync } from "node:fs";
export default function* () {
  let n = 0;
  for (; ${isMore}; n++) {
    yield { n, padding: "x".repeat(${padding}), bucket: "${this.#docs}", key: "docs/" + n % ${OBJECTS} };
  }
  writeFileSync(${made}, String(n));
}
`;
  }

  #yaml(): string {
    const { rate, ackWaitMs, queueBytes, mixed = false } = this.options;
    const size = queueBytes === undefined ? "" : `, stream.max.bytes: ${queueBytes}`;
    const meta = `max.poll.interval.ms: ${ackWaitMs}, duplicate.window.ms: ${WINDOW_MS}${size}`;
    const work = `schema: '${SCHEMA}', meta: {${meta}, retry.delay.ms: 100, concurrency: 16}`;
    const pass = `type: raw, module: ./pass.ts, ${work}`;
    const first = mixed
      ? `type: raw, module: ./mixed.ts, ${work}, globalConfig: {store: {autoDownload: true, buckets: ["*"]}, sideStream: {enabled: true, errorTopics: ${this.#errors}.first, format: json}}`
      : pass;
    return `
mode: batch
name: ${this.id}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${SCHEMA}', out: [first], meta: {rate: ${rate}, duplicate.window.ms: ${WINDOW_MS}}}
  - {id: first, ${first}, out: [second]}
  - {id: second, ${pass}, out: [store]}
  - {id: store, type: s3-sink, format: ndjson, topics: "s3a://${this.id}", meta: {${meta}, bulk.enabled: true, bulk.flush.size: 200, bulk.flush.timer: 200}}
`;
  }
}
