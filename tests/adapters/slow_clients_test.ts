import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { serveNode } from "../../adapters/shared/http/node_serve.ts";
import type { FetchHandler, ServeOptions } from "../../src/host.ts";
import { pause } from "../support/waiting.ts";
import { RawClient } from "../support/commands/raw_client.ts";

const LIMIT = { timeout: 5_000 };
const REQUEST_MS = 400;
const BEGUN = "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ";
const POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nfirst";

const hello: FetchHandler = () => Promise.resolve(new Response("hello"));

async function serving(
  handler: FetchHandler,
  options: Partial<ServeOptions>,
  work: (port: number) => Promise<void>,
): Promise<void> {
  const served = await serveNode(handler, { port: 0, ...options });
  try {
    await work(served.port);
  } finally {
    await served.close();
  }
}

/** Asks on a connection of its own until there is an answer. */
async function scrape(port: number): Promise<string> {
  for (;;) {
    const client = new RawClient(port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const answer = await client.answer;
    if (answer !== "") return answer;
    await pause(20);
  }
}

describe("serveNode() and a client", () => {
  it("whose headers come too slowly: answers 408 and ends the connection", LIMIT, async () => {
    await serving(hello, { requestMs: REQUEST_MS }, async (port) => {
      const [whole, dripping] = [new RawClient(port, BEGUN), new RawClient(port, BEGUN).drip()];
      assert.match(await whole.answer, /^HTTP\/1\.1 408 /);
      assert.match(await dripping.answer, /^HTTP\/1\.1 408 /);
    });
  });

  it("who says nothing: ends the connection", LIMIT, async () => {
    await serving(hello, { requestMs: REQUEST_MS }, async (port) => {
      await new RawClient(port).answer;
    });
  });

  it("who says no more after an answer: ends the connection", LIMIT, async () => {
    await serving(hello, { requestMs: REQUEST_MS }, async (port) => {
      const client = new RawClient(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      assert.match(await client.answer, /^HTTP\/1\.1 200 [^]*hello$/);
    });
  });

  it("whose body comes too slowly: answers 408 and breaks it off", LIMIT, async () => {
    const broken = Promise.withResolvers<unknown>();
    const reads: FetchHandler = async (request) => {
      await request.text().catch(broken.resolve);
      return new Response("never read");
    };
    await serving(reads, { requestMs: REQUEST_MS, bodies: true }, async (port) => {
      const client = new RawClient(port, POST).drip();
      assert.match(await client.answer, /^HTTP\/1\.1 408 /);
      assert.match(String(await broken.promise), /The request was broken off/);
    });
  });

  it(
    "whose body comes slowly and is not read: answers, and ends the connection",
    LIMIT,
    async () => {
      await serving(hello, {}, async (port) => {
        const answer = await new RawClient(port, POST).drip().answer;
        assert.match(answer, /^HTTP\/1\.1 200 [^]*hello$/);
      });
    },
  );

  it("who does not read the answer: ends the connection", LIMIT, async () => {
    const large: FetchHandler = () => Promise.resolve(new Response(new Uint8Array(32 << 20)));
    await serving(large, { requestMs: REQUEST_MS, connections: 1 }, async (port) => {
      const client = await new RawClient(port).connected();
      client.socket.pause();
      client.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      assert.match(await scrape(port), /^HTTP\/1\.1 200 /);
      client.socket.destroy();
    });
  });

  it(
    "whose headers are huge: answers 431 or ends the connection, and serves others",
    LIMIT,
    async () => {
      await serving(hello, {}, async (port) => {
        const client = new RawClient(port, BEGUN + "a".repeat(1 << 20));
        assert.match(await client.answer, /^(HTTP\/1\.1 431 [^]*)?$/);
        assert.match(await scrape(port), /hello$/);
      });
    },
  );

  it(
    "who comes when all connections are held by such that ask nothing: serves it at once",
    LIMIT,
    async () => {
      await serving(hello, { connections: 4, requestMs: 3_600_000 }, async (port) => {
        const texts = [
          "",
          BEGUN,
          POST,
          "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
          BEGUN,
          BEGUN,
          "",
          POST,
        ];
        const holders: RawClient[] = [];
        for (const text of texts) holders.push(await new RawClient(port, text).connected());
        assert.match(await scrape(port), /hello$/);
        for (const { socket } of holders) socket.destroy();
      });
    },
  );

  it(
    "who comes when all connections are being answered: refuses it, and ends none of them",
    LIMIT,
    async () => {
      const begun = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      const slow: FetchHandler = async () => {
        begun.resolve();
        await go.promise;
        return new Response("whole");
      };
      await serving(slow, { connections: 1, requestMs: REQUEST_MS }, async (port) => {
        const first = fetch(`http://127.0.0.1:${port}/`);
        await begun.promise;
        assert.equal(await new RawClient(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").answer, "");
        go.resolve();
        assert.equal(await (await first).text(), "whole");
      });
    },
  );

  it("who asks some requests ahead: answers all of them in order", LIMIT, async () => {
    let count = 0;
    const counting: FetchHandler = () => Promise.resolve(new Response(`number ${count++};`));
    await serving(counting, { requestMs: REQUEST_MS }, async (port) => {
      const answer = await new RawClient(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5))
        .answer;
      assert.deepEqual(answer.match(/number \d/g), [0, 1, 2, 3, 4].map((n) => `number ${n}`));
    });
  });

  it("who asks on and on without reading an answer: ends the connection", LIMIT, async () => {
    let asked = 0;
    const go = Promise.withResolvers<void>();
    const slow: FetchHandler = async () => {
      asked++;
      await go.promise;
      return new Response("hello");
    };
    await serving(slow, { requestMs: 3_600_000 }, async (port) => {
      const client = new RawClient(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5_000));
      assert.equal(await client.answer, "");
      assert.ok(asked <= 16, `${asked} requests were being answered at once`);
      go.resolve();
      assert.match(await scrape(port), /hello$/);
    });
  });
});
