import { after, before, describe } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine } from "./command.ts";
import { serverSkip } from "../servers/server_binary.ts";
import { ServerFlow } from "./server_flow.ts";
import { TestServers } from "../servers/test_servers.ts";

/** Servers, and what is needed to have commands and flows on them. */
export interface ServersOfTests {
  readonly kflow: CommandLine;
  /** The same for all tests of the suite. */
  readonly servers: TestServers;
  /** As `ServerFlow.make`; its folder is there until the end of the suite. */
  newFlow(docs?: string): Promise<ServerFlow>;
  /** Fails if a command of the suite has printed a password of the servers or one of the others. */
  printedNoPassword(...others: string[]): void;
}

/** A suite on a NATS and an S3 server of its own. `timeout` is for their start. */
export function onServers(
  name: string,
  suite: (given: ServersOfTests) => void,
  { timeout = 60_000 }: { readonly timeout?: number } = {},
): void {
  describe(name, { skip: serverSkip("nats-server", "minio") }, () => {
    const kflow = new CommandLine();
    const flows: ServerFlow[] = [];
    let servers: TestServers;
    before(async () => {
      servers = await TestServers.start();
    }, { timeout });
    after(() => kflow.endAll());
    suite({
      kflow,
      get servers() {
        return servers;
      },
      async newFlow(docs) {
        const flow = await ServerFlow.make(kflow, servers, docs);
        flows.push(flow);
        return flow;
      },
      printedNoPassword(...others) {
        for (const secret of [...servers.secrets, ...others]) {
          assert.ok(!kflow.output.includes(secret));
        }
      },
    });
    // Registered last, and so run after what the suite itself clears away.
    after(async () => {
      for (const { folder } of flows) await folder.remove();
      await servers?.stop();
    });
  });
}
