import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, describe, it } from "@std/testing/bdd";
import { reasonOf } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import { S3Store } from "../../src/store/s3/s3_store.ts";
import { bytes, keysOf, textOf } from "../contracts/store_contract.ts";
import {
  type FaultRequest,
  type FaultServer,
  startFaultServer,
} from "../support/servers/fault_server.ts";
import { newSecret } from "../support/run_record.ts";

const PASSWORD = newSecret();
const SIGNED = "AWS4-HMAC-SHA256 20261201T000000Z";
const MIB = 1024 * 1024;

function refusal(code: string, message: string): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message>` +
    `<AWSAccessKeyId>someone</AWSAccessKeyId><StringToSign>${SIGNED}</StringToSign></Error>`;
}

describe("what S3 says of a request that it refuses", () => {
  let server: FaultServer | undefined;
  afterEach(() => server?.stop());

  async function storeOn(answer: (request: FaultRequest, response: ServerResponse) => void) {
    server = await startFaultServer(answer);
    return new S3Store({
      endpoint: server.endpoint,
      user: "someone",
      password: new Secret(PASSWORD),
      sleep: () => Promise.resolve(),
    });
  }

  async function errorOf(call: () => Promise<unknown>): Promise<string> {
    return await call().then(() => "no error", reasonOf);
  }

  const CALLS: readonly [string, (store: S3Store) => Promise<unknown>][] = [
    ["check", (store) => store.check("docs")],
    ["list", (store) => keysOf(store, "docs", "")],
    ["get", (store) => textOf(store, "docs", "a")],
    ["put", (store) => store.put("docs", "a", bytes("x"))],
    ["put in parts", (store) => store.put("docs", "a", new Uint8Array(6 * MIB))],
    ["delete", (store) => store.delete("docs", "a")],
  ];
  for (const [what, call] of CALLS) {
    it(`is shown by ${what}: code and message, and not what was signed`, async () => {
      const signature = "The request signature we calculated does not match.";
      const store = await storeOn((_, response) => {
        response.writeHead(403, { "content-type": "application/xml" });
        response.end(refusal("SignatureDoesNotMatch", `${signature} ${PASSWORD}`));
      });
      const error = await errorOf(() => call(store));
      assert.ok(
        error.includes(
          'access is denied to user "someone" (SignatureDoesNotMatch: The request signature we calculated does not match. ***); check user',
        ),
        error,
      );
      assert.ok(!error.includes(SIGNED), error);
    });

    it(`is shown by ${what} for other refusals, in one line of bounded length`, async () => {
      const store = await storeOn((_, response) => {
        response.writeHead(400, { "content-type": "application/xml" });
        response.end(refusal("InvalidRequest", `No,\n  not today. ${"x".repeat(5_000)}`));
      });
      const error = await errorOf(() => call(store));
      assert.match(error, /the server answered 400 \(InvalidRequest: No, not today\. x+\)/);
      assert.ok(error.length < 600, error);
    });
  }

  it("is the status where the answer has no body", async () => {
    const store = await storeOn((_, response) => response.writeHead(403).end());
    const error = await errorOf(() => store.get("docs", "a"));
    assert.match(
      error,
      /access is denied to user "someone" \(status 403, without a reason\); check/,
    );
  });
});
