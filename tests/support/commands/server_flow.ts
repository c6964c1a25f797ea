import assert from "node:assert/strict";
import type { Command, CommandLine, CommandOptions } from "./command.ts";
import type { Runtime } from "../runtimes.ts";
import { FlowFolder } from "./flow_folder.ts";
import { recordsOn } from "../servers/records_on.ts";
import { resultsIn, SLOW_MODULE } from "./quickstart.ts";
import type { TestServers } from "../servers/test_servers.ts";

export interface FlowRunOptions {
  runtime?: Runtime;
  /** As in `CommandOptions`. */
  binary?: string;
  env?: Readonly<Record<string, string>>;
  way?: "ws" | "tcp";
  run?: string;
  report?: string;
}

/** The quickstart on servers, as one flow with a name and a result bucket of its own. */
export class ServerFlow {
  readonly id: string;
  readonly results: string;
  readonly #set: string[] = [];

  private constructor(
    readonly kflow: CommandLine,
    readonly servers: TestServers,
    readonly folder: FlowFolder,
    readonly docs: string,
  ) {
    this.id = `flow-${crypto.randomUUID().slice(0, 8)}`;
    this.results = `results-${this.id}`;
  }

  /** @param docs Bucket with the documents; made and filled if it is not there. */
  static async make(
    kflow: CommandLine,
    servers: TestServers,
    docs = "docs",
  ): Promise<ServerFlow> {
    const folder = await FlowFolder.make("quickstart");
    await folder.write("slow.ts", SLOW_MODULE);
    const flow = new ServerFlow(kflow, servers, folder, docs);
    flow.set("dag.describe.module", "./slow.ts");
    flow.set("dag.list.topics", `s3a://${docs}`);
    flow.set("dag.store.topics", `s3a://${flow.results}`);
    await servers.makeBuckets(flow.results);
    if (!await servers.hasBucket(docs)) {
      await servers.makeBuckets(docs);
      await servers.put(docs, await folder.files("data/docs"));
    }
    return flow;
  }

  /** `--set` for all commands from now on. */
  set(path: string, value: string): void {
    this.#set.push("--set", `${path}=${value}`);
  }

  run(options: FlowRunOptions = {}): Command {
    return this.#start(["run"], options);
  }

  worker(task: string, options: FlowRunOptions = {}): Command {
    return this.#start(["worker", "--task", task], options);
  }

  /** On a free port. */
  serve(options: FlowRunOptions = {}): Command {
    return this.#start(["serve", "--port", "0"], options);
  }

  /** What `expected.json` says. */
  async expected(): Promise<Record<string, unknown>> {
    return JSON.parse(new TextDecoder().decode(await this.folder.read("expected.json")));
  }

  /** The keys in `expected.json`, sorted. */
  async expectedKeys(): Promise<string[]> {
    return Object.keys(await this.expected()).sort();
  }

  /** What lies in the result bucket. */
  async stored(): Promise<Record<string, unknown>> {
    return resultsIn(await this.servers.objects(this.results));
  }

  /** The `key` of every record that a task's input stream holds, sorted: each as often as it is stored. */
  async keysOnEdge(task: string): Promise<string[]> {
    const records = await recordsOn(this.servers, `kflow-${this.id}-${task}`);
    return records.map(({ key }) => String(key)).sort();
  }

  /** Fails unless there is every result, and every record was stored once on each edge. */
  async isCompleteAndOnce(): Promise<void> {
    assert.deepEqual(await this.stored(), await this.expected());
    const keys = await this.expectedKeys();
    assert.deepEqual(await this.keysOnEdge("describe"), keys);
    assert.deepEqual(await this.keysOnEdge("store"), keys);
  }

  #start([command, ...rest]: string[], options: FlowRunOptions): Command {
    const { runtime, binary, env, way, run, report } = options;
    const args = [command!, this.folder.file("pipeline.yaml"), ...rest, ...this.#set];
    if (run !== undefined) args.push("--run", run);
    if (report !== undefined) args.push("--report", report);
    const commandOptions: CommandOptions = {
      runtime,
      binary,
      env: { ...this.servers.environment(way), KFLOW_FLOW_ID: this.id, ...env },
    };
    return this.kflow.start(args, commandOptions);
  }
}
