import type { Command, CommandLine } from "../support/commands/command.ts";
import { FlowFolder } from "../support/commands/flow_folder.ts";
import type { TestServers } from "../support/servers/test_servers.ts";
import { type Ends, givenUpIn, numbersIn } from "./oracle.ts";

export type Mode = "automatic" | "manual" | "bulk" | "side-stream" | "download" | "slow";

export interface WorkerOptions {
  /** As `KFLOW_FAILPOINT` has it. */
  failpoint?: string;
  /** Of `broken/main.ts`. @default none of them */
  broken?: string;
}

export const COUNT = 24;
export const DOCS = "fault-docs";

const INPUT =
  '{"type":"record","name":"input","fields":[{"name":"n","type":"int"},{"name":"bucket","type":"string"},{"name":"key","type":"string"}]}';
const OUTPUT = '{"type":"record","name":"output","fields":[{"name":"n","type":"int"}]}';

const MAKE =
  `export default Array.from({ length: ${COUNT} }, (_, n) => ({ n, bucket: "${DOCS}", key: n + ".txt" }));\n`;

/** One in eight is given up where somebody is told, one never succeeds, one only when it comes again; one may take longer than the ack wait. */
const WORK = `
import { readFileSync } from "node:fs";
import { AckError } from "kflow";
export default async (record, ctx) => {
  const { n } = record;
  if (n === 4 && process.env.SLOW_MS) await new Promise((resolve) => setTimeout(resolve, Number(process.env.SLOW_MS)));
  if (n % 8 === 3 && process.env.TELLS) throw new AckError("given up n=" + n);
  if (n % 8 === 5) throw new Error("never");
  if (n % 8 === 6 && ctx.delivery.attempt === 1) throw new Error("not yet");
  if (ctx.localPath !== undefined && readFileSync(ctx.localPath, "utf8") !== String(n)) throw new Error("another file");
  return { n };
};
`;

const MANUAL = `
export default class {
  #held = 0;
  process({ n }, ctx) {
    if (++this.#held % 5 === 0) ctx.requestAck();
    return { n };
  }
  close(ctx) {
    ctx.requestAck();
  }
}
`;

/** A flow whose task `work` is killed and started again. */
export class FaultFlow {
  readonly #id = `fault-${crypto.randomUUID().slice(0, 8)}`;
  readonly #errors = `errors-${this.#id}`;

  private constructor(
    readonly mode: Mode,
    readonly kflow: CommandLine,
    readonly servers: TestServers,
    readonly folder: FlowFolder,
  ) {}

  static async make(mode: Mode, kflow: CommandLine, servers: TestServers): Promise<FaultFlow> {
    const flow = new FaultFlow(mode, kflow, servers, await FlowFolder.make());
    const { folder } = flow;
    await folder.write("make.ts", MAKE);
    await folder.write("work.ts", mode === "manual" ? MANUAL : WORK);
    await folder.write("pipeline.yaml", flow.#yaml());
    if (mode === "bulk") await servers.makeBuckets(flow.#id);
    return flow;
  }

  worker(task: "make" | "work", { failpoint, broken }: WorkerOptions = {}): Command {
    const env = {
      ...this.servers.environment(),
      ...(failpoint !== undefined && { KFLOW_FAILPOINT: failpoint }),
      ...(broken !== undefined && { BROKEN: broken }),
      ...(this.mode === "side-stream" && { TELLS: "1", KFLOW_CREATE_SIDESTREAM: "true" }),
      ...(this.mode === "slow" && { SLOW_MS: "3500", KFLOW_LONG_RUNNING_PROCESSING: "true" }),
    };
    const main = broken === undefined ? undefined : "tests/faults/broken/main.ts";
    const args = ["worker", this.folder.file("pipeline.yaml"), "--task", task];
    return this.kflow.start(args, { env, main });
  }

  async ends(): Promise<Ends> {
    const { servers } = this;
    const outputs = this.mode === "bulk"
      ? await this.#written()
      : await numbersIn(servers, `kflow-${this.#id}-end`);
    const errors = await servers.messages(this.#errors).catch(() => []);
    return {
      outputs,
      deadLetters: await numbersIn(servers, `kflow-${this.#id}-dead`),
      givenUp: givenUpIn(errors),
    };
  }

  /** A bulk that was written and not acknowledged is written again, cut as it comes: each line counts once (DESIGN.md 7, P6). */
  async #written(): Promise<number[]> {
    const objects = await this.servers.objects(this.#id);
    const lines = [...objects.values()].flatMap((body) =>
      new TextDecoder().decode(body).trim().split("\n")
    );
    return [...new Set(lines.map((line) => JSON.parse(line).n as number))];
  }

  #yaml(): string {
    const attempts = this.mode === "slow" ? 1 : 3;
    const meta = `max.poll.interval.ms: 1000, max.attempts: ${attempts}, retry.delay.ms: 1`;
    const common = `meta: {${meta}${this.mode === "manual" ? ", ack.manual: true" : ""}}`;
    const work = this.mode === "bulk"
      ? `{id: work, type: s3-sink, format: ndjson, topics: "s3a://${this.#id}", meta: {${meta}, bulk.enabled: true, bulk.flush.size: 5, bulk.flush.timer: 200}}`
      : `{id: work, type: raw, module: ./work.ts, schema: '${OUTPUT}', out: [end], ${common}}`;
    return `
mode: batch
name: ${this.#id}
globalConfig:
  store: {buckets: ["*"], autoDownload: ${this.mode === "download"}}
  sideStream: {enabled: ${
      this.mode === "side-stream"
    }, errorTopics: ${this.#errors}.work, format: json}
dag:
  - {id: make, type: raw-source, module: ./make.ts, schema: '${INPUT}', out: [work], globalConfig: {store: {autoDownload: false}}}
  - ${work}
${
      this.mode === "bulk"
        ? ""
        : "  - {id: end, type: print, globalConfig: {store: {autoDownload: false}}}"
    }
`;
  }
}
