import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createHttpApp } from "../../src/http/http_app.ts";
import { createLogger } from "../../src/base/log.ts";
import { quiet } from "../support/in_process/quiet_log.ts";

const metrics = { contentType: "text/plain; version=0.0.4", text: () => Promise.resolve("x 1\n") };
const ready = () => undefined;

function get(path: string, method = "GET"): Request {
  return new Request(`http://localhost${path}`, { method });
}

describe("createHttpApp()", () => {
  it("answers /metrics with the page and its type", async () => {
    const app = createHttpApp({ metrics, log: quiet, notReady: ready });
    const response = await app(get("/metrics"));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), metrics.contentType);
    assert.equal(await response.text(), "x 1\n");
  });

  it("answers /livez always, and /readyz with the reason where it is not ready", async () => {
    let reason: string | undefined = "starting";
    const app = createHttpApp({ metrics, log: quiet, notReady: () => reason });
    assert.equal((await app(get("/livez"))).status, 200);
    const refused = await app(get("/readyz"));
    assert.equal(refused.status, 503);
    assert.equal(await refused.text(), "not ready: starting\n");
    reason = undefined;
    const answered = await app(get("/readyz"));
    assert.equal(answered.status, 200);
    assert.equal(await answered.text(), "ready\n");
  });

  it("has nothing else", async () => {
    const app = createHttpApp({ metrics, log: quiet, notReady: ready });
    for (const request of [get("/"), get("/metrics/x"), get("/metrics", "POST")]) {
      assert.equal((await app(request)).status, 404);
    }
  });

  it("tells the log why it cannot answer, and not the client", async () => {
    const lines: string[] = [];
    const log = createLogger({ write: (line) => void lines.push(line) });
    const text = () => Promise.reject(new Error("broken inside"));
    const app = createHttpApp({ metrics: { ...metrics, text }, log, notReady: ready });
    const response = await app(get("/metrics"));
    assert.equal(response.status, 500);
    assert.equal(await response.text(), "Cannot answer\n");
    assert.match(lines.join(""), /"WARNING".*"broken inside"/);
  });
});
