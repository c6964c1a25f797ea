import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Access } from "../../src/http/access.ts";
import { Secret } from "../../src/base/secret.ts";

const LOCAL = { remoteAddr: { hostname: "127.0.0.1" } };

async function isAllowed(
  token: string | undefined,
  options: { url?: string; headers?: Record<string, string>; info?: unknown; local?: boolean },
): Promise<boolean> {
  const { url = "http://localhost:8080/drain", headers, info, local = true } = options;
  const access = new Access({ token: token === undefined ? undefined : new Secret(token), local });
  try {
    await access.check(new Request(url, { method: "POST", headers }), info);
    return true;
  } catch (error) {
    assert.equal((error as { status?: number }).status, 401);
    return false;
  }
}

describe("Access", () => {
  it("lets whoever has the token in, and nobody else, from wherever they come", async () => {
    const sent = (Authorization: string) => isAllowed("right", { headers: { Authorization } });
    assert.ok(await sent("Bearer right"));
    assert.ok(await sent("bearer  right"));
    for (const wrong of ["Bearer wrong", "Bearer righ", "Bearer right2", "right", "Basic right"]) {
      assert.equal(await sent(wrong), false, wrong);
    }
    assert.equal(await isAllowed("right", { info: LOCAL }), false);
  });

  it("lets programs on the same machine in where there is no token", async () => {
    for (const hostname of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) {
      assert.ok(await isAllowed(undefined, { info: { remoteAddr: { hostname } } }), hostname);
      assert.ok(await isAllowed("", { info: { remoteAddr: { hostname } } }), hostname);
    }
    for (const url of ["http://127.0.0.1:1/", "http://[::1]:1/"]) {
      assert.ok(await isAllowed(undefined, { url, info: LOCAL }), url);
    }
    const bun = { requestIP: () => ({ address: "::1", port: 1 }) };
    assert.ok(await isAllowed(undefined, { info: bun }));
  });

  it("lets nobody in without a token unless it is said that programs on the same machine may", async () => {
    assert.equal(await isAllowed(undefined, { info: LOCAL, local: false }), false);
    const headers = { Authorization: "Bearer right" };
    assert.ok(await isAllowed("right", { headers, local: false }));
  });

  it("lets nobody else in without a token", async () => {
    for (const hostname of ["10.0.0.1", "128.0.0.1", "::2", "1270.0.0.1", "", "localhost"]) {
      const info = { remoteAddr: { hostname } };
      assert.equal(await isAllowed(undefined, { info }), false, hostname);
    }
    const nobody: unknown[] = [undefined, null, {}, { remoteAddr: 1 }, { requestIP: () => null }];
    for (const info of nobody) {
      assert.equal(await isAllowed(undefined, { info }), false, JSON.stringify(info));
    }
  });

  it("does not take what a proxy or a web page sends from this machine for a program on it", async () => {
    for (const name of ["X-Forwarded-For", "Forwarded", "Via", "Origin"]) {
      const headers = { [name]: "x" };
      assert.equal(await isAllowed(undefined, { headers, info: LOCAL }), false, name);
    }
    for (const name of ["X-Forwarded-Host", "X-Real-IP"]) {
      assert.equal(await isAllowed(undefined, { headers: { [name]: "x" }, info: LOCAL }), false);
    }
    const url = "http://rebound.example/drain";
    assert.equal(await isAllowed(undefined, { url, info: LOCAL }), false);
  });

  it("asks both the target of a request and its header Host whether they mean this machine", async () => {
    for (const host of ["rebound.example", "rebound.example:8080", "localhost.example", ""]) {
      assert.equal(
        await isAllowed(undefined, { headers: { Host: host }, info: LOCAL }),
        false,
        host,
      );
    }
    for (const host of ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080"]) {
      assert.ok(await isAllowed(undefined, { headers: { Host: host }, info: LOCAL }), host);
    }
  });
});
