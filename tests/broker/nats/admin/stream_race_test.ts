import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ensureStream } from "../../../../src/broker/nats/admin/stream.ts";
import type { NatsLink } from "../../../../src/broker/nats/wire/link.ts";
import { NatsState } from "../../../../src/broker/nats/admin/state.ts";
import { StartError } from "../../../../src/base/errors.ts";
import { Place } from "../../../support/in_process/broker_probes.ts";
import { quiet } from "../../../support/in_process/quiet_log.ts";

const NOT_FOUND = { error: { err_code: 10059, description: "stream not found" } };
const NAME_IN_USE = { error: { err_code: 10058, description: "stream name already in use" } };
const OVERLAP = {
  error: { err_code: 10065, description: "subjects overlap with an existing stream" },
};

/** A server on which somebody makes the stream in the moment in which we ask for it, and that answers us this. */
class Race {
  readonly link: NatsLink;
  #config?: Record<string, unknown>;

  /** @param isOther The stream that was made has another name. */
  constructor(answer: object, isOther = false) {
    const link = {
      nc: { info: { version: "2.9.10" } },
      said: (text: string) => text,
      call: (subject: string, body: string | Uint8Array) => {
        const isCreate = subject.startsWith("$JS.API.STREAM.CREATE.");
        if (isCreate && !isOther) this.#config = JSON.parse(String(body));
        const found = this.#config === undefined
          ? NOT_FOUND
          : { config: this.#config, state: { bytes: 0, messages: 0 }, seq: 1 };
        return Promise.resolve(new TextEncoder().encode(JSON.stringify(isCreate ? answer : found)));
      },
    };
    this.link = link as unknown as NatsLink;
  }
}

describe("a stream that two make at once", () => {
  const { queue } = new Place();

  // A server of 2.9 may find the other's subjects before its name.
  for (const [what, answer] of [["name", NAME_IN_USE], ["subjects", OVERLAP]] as const) {
    it(`is that of the other, if the server says that its ${what} are taken`, async () => {
      await ensureStream(new Race(answer).link, queue, { log: quiet });
      assert.equal(
        await new NatsState(new Race(answer).link, { bucket: "flow" }).put("key", "value"),
        1,
      );
    });
  }

  it("is an error if the subjects are those of a stream of another name", async () => {
    const { link } = new Race(OVERLAP, true);
    await assert.rejects(
      ensureStream(link, queue, { log: quiet }),
      (error) => error instanceof StartError && /another stream takes "kflow/.test(error.message),
    );
    await assert.rejects(
      new NatsState(link, { bucket: "flow" }).put("key", "value"),
      (error) => error instanceof StartError && /"flow": subjects overlap/.test(error.message),
    );
  });
});
