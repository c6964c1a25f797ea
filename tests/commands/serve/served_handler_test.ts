import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { eventually } from "../../support/waiting.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { onServers } from "../../support/commands/on_servers.ts";

/** Serves the handler as the runtime serves a default export, calls its task and sends one SIGTERM. */
async function endsAtFirstSignal(
  kflow: CommandLine,
  { path = "/tasks/same", env = {}, status = 200 }: {
    path?: string;
    env?: Record<string, string>;
    status?: number;
  } = {},
): Promise<void> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = kflow.start([], {
    main: "tests/support/commands/served_handler.ts",
    env: { ...env, BUN_PORT: String(port) },
    deno: ["serve", "--no-check", "--host=127.0.0.1", `--port=${port}`],
  });
  await eventually(() => fetch(`${url}/livez`).then(({ ok }) => ok, () => false), "server", 30_000);
  for (let value = 0; value < 3; value++) {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ value }),
    });
    assert.equal(response.status, status, await response.text());
  }
  server.signal("SIGTERM");
  await server.end(20_000);
}

describe("a process that serves a handler", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  it("ends at the first SIGTERM after calls of a task", async () => {
    await endsAtFirstSignal(kflow);
  });

  it("ends at the first SIGTERM after calls of an isolated function", async () => {
    const folder = await FlowFolder.make();
    const module = await folder.write("same.ts", "export default (record) => record;");
    try {
      await endsAtFirstSignal(kflow, { env: { MODULE: module } });
    } finally {
      await folder.remove();
    }
  });
});

onServers("a process that serves a handler, on servers", (given) => {
  for (const way of ["ws", "tcp"] as const) {
    it(`ends at the first SIGTERM after publishing over ${way}`, async () => {
      const env = {
        ...given.servers.environment(way),
        FLOW: `flow-${crypto.randomUUID().slice(0, 8)}`,
      };
      await endsAtFirstSignal(given.kflow, { path: "/tasks/same?publish=true", env, status: 202 });
    });
  }
});
