import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { serveNode } from "../../adapters/shared/http/node_serve.ts";
import { within } from "../support/waiting.ts";
import { RawClient } from "../support/commands/raw_client.ts";

describe("serveNode()", () => {
  it("hands requests on and gives the answers back", async () => {
    const seen: string[] = [];
    const served = await serveNode((request) => {
      seen.push(`${request.method} ${new URL(request.url).pathname} ${request.headers.get("x-a")}`);
      return Promise.resolve(new Response("grün", { status: 418, headers: { "x-b": "2" } }));
    }, { port: 0 });
    try {
      const url = `http://127.0.0.1:${served.port}/a?b`;
      const response = await fetch(url, { headers: { "x-a": "1" } });
      assert.equal(response.status, 418);
      assert.equal(response.headers.get("x-b"), "2");
      assert.equal(await response.text(), "grün");
      const post = await fetch(url, { method: "POST", body: "not handed on" });
      assert.equal(await post.text(), "grün");
      const head = await fetch(url, { method: "HEAD" });
      assert.equal(await head.text(), "");
      assert.deepEqual(seen, ["GET /a 1", "POST /a null", "HEAD /a null"]);
    } finally {
      await served.close();
    }
  });

  it("hands on bodies as they come and the peer's address, where it is asked to", async () => {
    const served = await serveNode(async (request, info) => {
      const text = await request.text();
      return Response.json({ text, host: new URL(request.url).host, ...info });
    }, { port: 0, bodies: true, hostname: "127.0.0.1" });
    try {
      const url = `http://127.0.0.1:${served.port}/`;
      const large = "ü".repeat(1 << 20);
      for (const body of ["", "grün", large]) {
        const answer = await (await fetch(url, { method: "POST", body })).json();
        assert.equal(answer.text, body);
        assert.equal(answer.host, `127.0.0.1:${served.port}`);
        assert.deepEqual(answer.remoteAddr, { hostname: "127.0.0.1" });
      }
    } finally {
      await served.close();
    }
  });

  it("takes the host of a request from its header, whatever its target says", async () => {
    const served = await serveNode((request, info) => {
      const { host, pathname } = new URL(request.url);
      return Promise.resolve(Response.json([host, pathname, info]));
    }, { port: 0, bodies: true, hostname: "127.0.0.1" });
    async function ask(target: string, more: string, version = "1.1"): Promise<unknown> {
      const text = `POST ${target} HTTP/${version}\r\n${more}Connection: close\r\n\r\n`;
      const answer = await new RawClient(served.port, text).answer;
      const [head, body = ""] = answer.split("\r\n\r\n");
      return head!.includes(" 200 ") ? JSON.parse(body).slice(0, 2) : head!.split(" ")[1];
    }
    try {
      const evil = "Host: evil.example\r\n";
      assert.deepEqual(await ask("/tasks/a", evil), ["evil.example", "/tasks/a"]);
      assert.deepEqual(await ask("//localhost/tasks/a", evil), [
        "evil.example",
        "//localhost/tasks/a",
      ]);
      assert.deepEqual(await ask("http://localhost/tasks/a", evil), ["evil.example", "/tasks/a"]);
      assert.deepEqual(await ask("HTTP://localhost:1", evil), ["evil.example", "/"]);
      assert.equal(await ask("\\\\localhost\\a", evil), "400");
      for (const host of ["localhost/x?", "a@localhost", "localhost#", "a b"]) {
        assert.equal(await ask("/tasks/a", `Host: ${host}\r\n`), "400", host);
      }
      assert.deepEqual(await ask("/tasks/a", "", "1.0"), ["unknown.invalid", "/tasks/a"]);
    } finally {
      await served.close();
    }
  });

  it("does not take the address of a client that speaks HTTP/1.0 for that of the caller", async () => {
    const served = await serveNode(
      (_request, info) => Promise.resolve(Response.json(info)),
      { port: 0, hostname: "127.0.0.1" },
    );
    try {
      const old = new RawClient(served.port, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
      assert.match(await old.answer, /\{"remoteAddr":\{"hostname":""\}\}/);
    } finally {
      await served.close();
    }
  });

  it("answers before a body has come to its end, which is cancelled", async () => {
    const served = await serveNode(async (request) => {
      await request.body?.cancel();
      return new Response("enough", { status: 413 });
    }, { port: 0, bodies: true });
    try {
      const socket = connect(served.port, "127.0.0.1");
      let text = "";
      const closed = new Promise<void>((resolve) => {
        socket.on("data", (bytes: Uint8Array) => text += new TextDecoder().decode(bytes));
        socket.on("error", () => {});
        socket.on("close", () => resolve());
      });
      socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst");
      await closed;
      assert.match(text, /^HTTP\/1\.1 413 /);
      assert.match(text, /enough$/);
    } finally {
      await served.close();
    }
  });

  it("sends what is being answered when it is closed", async () => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const served = await serveNode(async () => {
      begun.resolve();
      await go.promise;
      return new Response("whole");
    }, { port: 0 });
    const answer = fetch(`http://127.0.0.1:${served.port}/`);
    await begun.promise;
    const closed = served.close();
    go.resolve();
    assert.equal(await (await answer).text(), "whole");
    await closed;
  });

  it("does not wait when it is closed for an answer whose client has gone", async () => {
    const begun = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const served = await serveNode(async (request) => {
      begun.resolve();
      await request.text().catch(() => {});
      gone.resolve();
      return new Response("too late");
    }, { port: 0, bodies: true });
    const socket = connect(served.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    await begun.promise;
    socket.destroy();
    await gone.promise;
    // Answers that are being sent get 2 s.
    await within(served.close(), 1_900, "end of the server");
  });

  it("goes on after a handler that fails", async () => {
    let calls = 0;
    const served = await serveNode(
      () => ++calls === 1 ? Promise.reject(new Error("no")) : Promise.resolve(new Response("yes")),
      { port: 0 },
    );
    try {
      const url = `http://127.0.0.1:${served.port}/`;
      await assert.rejects(fetch(url));
      assert.equal(await (await fetch(url)).text(), "yes");
    } finally {
      await served.close();
    }
  });

  it("says EADDRINUSE of a port that is taken, and lets go of its own when it is closed", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, resolve));
    const address = other.address();
    const port = typeof address === "object" ? address!.port : 0;
    const handler = () => Promise.resolve(new Response("here"));
    await assert.rejects(serveNode(handler, { port }), /^Error: EADDRINUSE$/);
    await new Promise<void>((resolve) => other.close(() => resolve()));

    const served = await serveNode(handler, { port });
    assert.equal(served.port, port);
    await assert.rejects(serveNode(handler, { port }), /^Error: EADDRINUSE$/);
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "here");
    await served.close();
    await served.close();
    const again = await serveNode(handler, { port });
    await again.close();
  });
});
