import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { untilStarted } from "../../adapters/shared/until_started.ts";
import { BrokerError } from "../../src/broker/broker.ts";
import { StartError } from "../../src/errors.ts";
import { createLogger } from "../../src/log.ts";

/** Fails with these errors in turn, and then succeeds. */
async function start(errors: readonly Error[], stop = new AbortController()) {
  const left = [...errors];
  const lines: string[] = [];
  const log = createLogger({
    write: (line) => lines.push(JSON.parse(line).message),
  });
  const result = await untilStarted(log, stop.signal, () => {
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

  it("gives up when it is stopped", async () => {
    const stop = new AbortController();
    stop.abort();
    const { result, lines } = await start([new BrokerError("no answer", { isAway: true })], stop);
    assert.deepEqual([result, lines], [undefined, []]);
  });
});
