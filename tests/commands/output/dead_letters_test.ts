import { it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { headers } from "nats";
import { onServers } from "../../support/commands/on_servers.ts";
import { loggedKeys } from "../../support/commands/quickstart.ts";

onServers("a message that cannot be processed", (given) => {
  it(
    "undecodable: kept as it came, the others go on, and every worker ends with 3, also one that is started again",
    async () => {
      const flow = await given.newFlow();
      const describer = flow.worker("describe");
      await describer.sees('"Worker starts"');
      const store = flow.worker("store");

      const client = await given.servers.client();
      const body = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x00, 0x80, 0x07]);
      const subject = `kflow.${flow.id}.describe.list`;
      const own = headers();
      own.set("Kflow-Schema", "57d284b0da19e7ad");
      own.set("X-Origin", "a plain client");
      own.set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
      await given.servers.hasStream(`kflow-${flow.id}-describe`);
      await client.jetstream().publish(subject, body, { headers: own });
      await client.jetstream().publish(subject, new Uint8Array(0));

      const list = flow.worker("list");
      const { status, stderr } = await describer.end();
      assert.equal(status, 3, stderr);
      assert.equal((await store.end()).status, 3);
      for (const task of ["list", "describe"]) {
        const again = await flow.worker(task).end();
        assert.equal(again.status, 3, again.stderr);
        assert.match(again.stderr, /nothing to do/);
        assert.match(
          again.stderr,
          /"message":"The run has dead letters, kept in stream kflow-.*"describe":2/,
        );
      }
      await list.end();
      assert.deepEqual(await flow.stored(), await flow.expected());
      assert.equal(loggedKeys(stderr, "begins").length, 32);

      const letters = await given.servers.messages(`kflow-${flow.id}-dead`);
      assert.equal(letters.length, 2);
      const [bytes, empty] = letters;
      assert.deepEqual(bytes!.body, body);
      assert.equal(bytes!.subject, `kflow.${flow.id}.dead.describe`);
      assert.equal(bytes!.headers["Kflow-Schema"], "57d284b0da19e7ad");
      assert.equal(bytes!.headers["X-Origin"], "a plain client");
      assert.equal(bytes!.headers.traceparent, own.get("traceparent"));
      assert.equal(bytes!.headers["Kflow-Task"], "describe");
      assert.equal(bytes!.headers["Kflow-Edge"], subject);
      assert.equal(bytes!.headers["Kflow-Sequence"], "1");
      assert.match(bytes!.headers["Kflow-Error"]!, /^Cannot decode/);
      assert.equal(empty!.body.length, 0);
      assert.match(empty!.headers["Kflow-Error"]!, /no header "Kflow-Schema"/);
    },
  );

  it(
    "failing: a run on servers ends with 3, names it and where it is kept, and says so when started again",
    async () => {
      const flow = await given.newFlow();
      flow.set("dag.describe.meta.max.attempts", "2");
      flow.set("dag.describe.meta.retry.delay.ms", "10");
      const bad = "tables/mills.csv";
      const { status, stdout } = await flow.run({ run: "monday", env: { BAD_KEY: bad } }).end();
      assert.equal(status, 3);
      assert.match(
        stdout,
        /^dead: describe docs\/tables\/mills\.csv after 2 attempts: not this one$/m,
      );
      const stream = `kflow-${flow.id}-dead`;
      assert.match(stdout, new RegExp(`^Dead letters are kept in stream ${stream}$`, "m"));
      assert.equal((await given.servers.messages(stream)).length, 1);
      const again = await flow.run({ run: "monday" }).end();
      assert.equal(again.status, 3, again.stderr);
      assert.match(again.stdout, /^dead: describe 1 more$/m);
      assert.match(again.stdout, new RegExp(`^Dead letters are kept in stream ${stream}$`, "m"));
      const { [bad]: _missing, ...others } = await flow.expected();
      assert.deepEqual(await flow.stored(), others);
    },
  );

  it("makes no command print a password", () => given.printedNoPassword());
});
