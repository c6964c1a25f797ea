import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CELSIUS_MODULE } from "../../support/commands/celsius_module.ts";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { freePort } from "../../support/servers/free_port.ts";
import { HttpAttack } from "../../support/commands/http_attack.ts";
import { countsOf, SLOW_MODULE } from "../../support/commands/quickstart.ts";
import { newSecret } from "../../support/run_record.ts";

const SLOW = { timeout: 90_000 };
const SOON_MS = 10_000;
const TOKEN = newSecret();

/** Asks again while the connection is refused. */
async function statusOf(url: string): Promise<number> {
  const deadline = Date.now() + SOON_MS;
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    await response?.body?.cancel();
    if (response !== undefined) return response.status;
    if (Date.now() > deadline) throw new Error(`${SOON_MS} ms passed before ${url} answered`);
  }
}

describe("an attack", () => {
  const kflow = new CommandLine();
  after(() => kflow.endAll());

  it(
    "on the exporter of a run: records go on, a scrape gets through, and it ends well",
    SLOW,
    async () => {
      const folder = await FlowFolder.make("quickstart");
      await folder.write("slow.ts", SLOW_MODULE);
      const port = await freePort();
      const args = ["run", folder.file("pipeline.yaml"), "--set", "dag.describe.module=./slow.ts"];
      args.push("--set", "metrics.enabled=true", "--set", `metrics.port=${port}`);
      const run = kflow.start(args, { env: { WORK_MS: "200" } });
      await run.sees('"begins"', 2);
      const attack = new HttpAttack(port);
      await attack.storm();
      const allowed = ["", "HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"];
      assert.deepEqual([...attack.answers.keys()].filter((line) => !allowed.includes(line)), []);
      await run.sees('"begins"', 12, SOON_MS);
      assert.equal(await statusOf(`http://127.0.0.1:${port}/livez`), 200);
      await attack.end();
      for (const path of ["/livez", "/readyz", "/metrics"]) {
        assert.equal(await statusOf(`http://127.0.0.1:${port}${path}`), 200);
      }
      const { status, stdout, stderr } = await run.end();
      assert.equal(status, 0, stderr);
      assert.deepEqual(countsOf(stdout, "describe"), [32, 32, 0, 0, 0]);
      await folder.remove();
    },
  );

  it(
    "on serve: a thousand calls at once are all answered, wrong tokens refused, and what was begun goes on",
    SLOW,
    async () => {
      const folder = await FlowFolder.make("http");
      await folder.write("celsius.ts", CELSIUS_MODULE);
      const port = await freePort();
      const server = kflow.start(
        ["serve", folder.file("pipeline.yaml"), "--host", "127.0.0.1", "--port", String(port)],
        { env: { KFLOW_HTTP_TOKEN: TOKEN } },
      );
      await server.sees('"Serving"');
      const url = `http://127.0.0.1:${port}`;
      const call = (token: string, station: string, fahrenheit: number) =>
        fetch(`${url}/tasks/celsius`, {
          method: "POST",
          headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
          body: JSON.stringify({ station, fahrenheit }),
        });

      // With all of the calls below the limit of connections, beyond which some are ended.
      const attack = new HttpAttack(port, 6);
      const begun = call(TOKEN, "hill", 2_000);
      await server.sees("begins hill");
      const statuses = new Map<number, number>();
      await Promise.all(Array.from({ length: 1_000 }, async (_, i) => {
        const response = await call(i % 2 === 0 ? "wrong" : TOKEN, "storm", 20);
        await response.body?.cancel();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      }));
      const { 200: done = 0, 429: later = 0, ...others } = Object.fromEntries(statuses);
      assert.deepEqual(others, { 401: 500 });
      assert.equal(done + later, 500);
      assert.ok(done >= 63, `${done} were done`);
      await attack.end();
      const response = await begun;
      assert.deepEqual(await response.json(), { outputs: [{ station: "hill", celsius: 0 }] });
      const metrics = await (await fetch(`${url}/metrics`)).text();
      assert.match(metrics, new RegExp(`^kflow_acked_total\\{.*"celsius"\\} ${done + 1}$`, "m"));
      server.signal("SIGTERM");
      assert.equal((await server.end()).status, 0);
      await folder.remove();
    },
  );
});
