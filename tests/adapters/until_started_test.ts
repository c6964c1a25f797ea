import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { untilStarted } from "../../adapters/shared/cli/until_started.ts";
import { BrokerError } from "../../src/broker/broker.ts";
import { StartError } from "../../src/base/errors.ts";
import { createLogger } from "../../src/base/log.ts";

/** Fails with these errors in turn, and then succeeds. */
async function start(
  errors: readonly Error[],
  { stop = new AbortController(), hangsMs, begins = false }: {
    stop?: AbortController;
    hangsMs?: number;
    begins?: boolean;
  } = {},
) {
  const left = [...errors];
  const lines: string[] = [];
  const log = createLogger({
    write: (line) => lines.push(JSON.parse(line).message),
  });
  const result = await untilStarted({ log, stop: stop.signal, hangsMs }, (watch) => {
    watch(() => begins);
    const error = left.shift();
    return error === undefined ? Promise.resolve("started") : Promise.reject(error);
  });
  return { result, lines };
}

describe("untilStarted()", () => {
  it("tries again while the server is away, at the start or after it", async () => {
    const { result, lines } = await start([
      new StartError("nobody there", { transient: true }),
      new BrokerError("no answer", { isAway: true }),
    ]);
    assert.equal(result, "started");
    assert.deepEqual(lines, [
      "Cannot start yet, trying again in 500 ms",
      "Cannot start yet, trying again in 1000 ms",
    ]);
  });

  for (const error of [new StartError("no"), new BrokerError("no"), new RangeError("no")]) {
    it(`does not try again after a ${error.name} that stays`, async () => {
      await assert.rejects(start([error]), error);
    });
  }

  it("says after the start that it begins anew, without longer delays", async () => {
    const away = new BrokerError("no answer", { isAway: true });
    const { result, lines } = await start([away, away], { begins: true });
    assert.equal(result, "started");
    const line = "Cannot go on, starting again in 500 ms";
    assert.deepEqual(lines, [line, line]);
  });

  it("waits only for a server that hangs, and only so long, where it is told a time", async () => {
    const hangs = [
      new StartError("no greeting", { unanswered: true }),
      new BrokerError("no answer", { isAway: true }),
    ];
    const { result, lines } = await start(hangs, { hangsMs: 10_000 });
    assert.deepEqual([result, lines.length], ["started", 2]);
    for (
      const error of [new StartError("nobody there", { transient: true }), new BrokerError("no")]
    ) {
      await assert.rejects(start([error], { hangsMs: 10_000 }), error);
    }
    for (const error of hangs) {
      await assert.rejects(
        start([error, error], { hangsMs: 1_000 }),
        (thrown: Error) => thrown instanceof StartError && thrown.message === error.message,
      );
    }
  });

  it("gives up when it is stopped", async () => {
    const stop = new AbortController();
    stop.abort();
    const { result, lines } = await start(
      [new BrokerError("no answer", { isAway: true })],
      { stop },
    );
    assert.deepEqual([result, lines], [undefined, []]);
  });
});
