import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, describe, it } from "@std/testing/bdd";
import { Secret } from "../../src/base/secret.ts";
import { S3Store, type S3StoreOptions } from "../../src/store/s3/s3_store.ts";
import { bytes, keysOf, rejectsWith, textOf } from "../contracts/store_contract.ts";
import { newSecret } from "../support/run_record.ts";
import {
  type FaultRequest,
  type FaultServer,
  startFaultServer,
} from "../support/servers/fault_server.ts";

const MIB = 1024 * 1024;
const BUCKET = "bucket";
const PASSWORD = newSecret();

let server: FaultServer | undefined;
let other: FaultServer | undefined;

afterEach(async () => {
  await server?.stop();
  await other?.stop();
  server = other = undefined;
});

/** A store on a server of the given behaviour; waits between tries are recorded, not waited. */
async function storeOn(
  answer: (request: FaultRequest, response: ServerResponse) => void,
  options: Partial<S3StoreOptions> = {},
) {
  server = await startFaultServer(answer);
  const waits: number[] = [];
  const store = new S3Store({
    endpoint: server.endpoint,
    user: "someone",
    password: new Secret(PASSWORD),
    sleep: (ms, signal) => {
      waits.push(ms);
      signal?.throwIfAborted();
      return Promise.resolve();
    },
    ...options,
  });
  return { store, waits, requests: server.requests };
}

function send(response: ServerResponse, status: number, body = "", headers = {}): void {
  response.writeHead(status, { "content-type": "application/xml", ...headers });
  response.end(body);
}

function errorXml(code: string, message = "details"): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
}

function pageXml(keys: readonly string[], token?: string): string {
  const contents = keys.map((key) =>
    `<Contents><Key>${encodeURIComponent(key)}</Key><Size>1</Size><ETag>"e"</ETag>` +
    `<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`
  );
  const more = token === undefined
    ? "<IsTruncated>false</IsTruncated>"
    : `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>`;
  return `<ListBucketResult><EncodingType>url</EncodingType>${more}${
    contents.join("")
  }</ListBucketResult>`;
}

/** Sends a part of the content, as the range asks, and then whatever the test does to the connection. */
function sendPart(
  { request, response }: { request: FaultRequest; response: ServerResponse },
  content: Uint8Array,
  length: number,
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const range = `bytes ${start}-${content.length - 1}/${content.length}`;
  response.writeHead(request.headers.range ? 206 : 200, {
    etag: '"v1"',
    "content-length": content.length - start,
    ...(request.headers.range ? { "content-range": range } : {}),
  });
  response.write(content.subarray(start, start + length));
}

describe("S3Store: tries again", () => {
  it("after 503 SlowDown five times, waiting twice as long each time, less a random part", async () => {
    const randoms = [0, 0.5, 1, 0, 0.25];
    const { store, waits, requests } = await storeOn(({ index }, response) => {
      if (index < 5) send(response, 503, errorXml("SlowDown"));
      else send(response, 200, "content", { etag: '"v1"' });
    }, { random: () => randoms.shift()! });
    await store.put(BUCKET, "x", bytes("."));
    assert.deepEqual(waits, [200, 300, 400, 1600, 2800]);
    assert.equal(requests.length, 6);
    assert.ok(requests.every((request) => new TextDecoder().decode(request.body) === "."));
  });

  it("not more often than allowed, and says how often it tried", async () => {
    const { store, requests } = await storeOn(
      (_, response) => send(response, 500, errorXml("InternalError", "we are sorry")),
      { timing: { tries: 3 } },
    );
    const error = await rejectsWith("unavailable", () => store.get(BUCKET, "x"));
    assert.match(error.message, /answered 500 \(InternalError: we are sorry\), after 3 tries/);
    assert.equal(requests.length, 3);
  });

  it("after as many seconds as Retry-After says, or at the date it names", async () => {
    const now = Date.UTC(2026, 0, 1, 12, 0, 0);
    const { store, waits } = await storeOn(({ index }, response) => {
      if (index === 0) send(response, 503, "", { "retry-after": "2" });
      else if (index === 1) {
        send(response, 429, "", { "retry-after": new Date(now + 5_000).toUTCString() });
      } else send(response, 204);
    }, { now: () => now });
    await store.delete(BUCKET, "x");
    assert.deepEqual(waits, [2_000, 5_000]);
  });

  it("in its own time when Retry-After asks for more patience than there is", async () => {
    const { store, waits } = await storeOn(({ index }, response) => {
      if (index < 2) send(response, 503, "", { "retry-after": "3600" });
      else send(response, 204);
    }, { random: () => 0 });
    await store.delete(BUCKET, "x");
    assert.deepEqual(waits, [200, 400]);
  });

  it("no longer than its patience lasts", async () => {
    const { store, waits } = await storeOn((_, response) =>
      send(response, 503, "", { "retry-after": "4" })
    );
    await rejectsWith("unavailable", () => store.delete(BUCKET, "x"));
    assert.deepEqual(waits, [4_000, 4_000]);
  });

  it("after a connection that was cut before the answer", async () => {
    const { store, requests } = await storeOn(({ index }, response) => {
      if (index < 2) response.destroy();
      else send(response, 200, pageXml(["a"]));
    });
    assert.deepEqual(await keysOf(store, BUCKET, ""), ["a"]);
    assert.ok(requests.length >= 3);
  });

  it("after a listing that was cut or stalled in the middle", async () => {
    const { store } = await storeOn(({ index }, response) => {
      const page = pageXml(["a", "b"]);
      if (index === 2) return send(response, 200, page);
      response.writeHead(200, { "content-length": page.length });
      response.write(page.slice(0, 100), () => {
        if (index === 0) response.destroy();
      });
    }, { timing: { idleMs: 200 } });
    assert.deepEqual(await keysOf(store, BUCKET, ""), ["a", "b"]);
  });

  it("never what cannot get better", async () => {
    const answers = [
      [403, "AccessDenied", "denied"],
      [403, "InvalidAccessKeyId", "unauthenticated"],
      [403, "SignatureDoesNotMatch", "unauthenticated"],
      [400, "ExpiredToken", "unauthenticated"],
      [400, "AuthorizationHeaderMalformed", "unauthenticated"],
      [401, "Whatever", "unauthenticated"],
      [404, "NoSuchBucket", "missing-bucket"],
      [404, "NoSuchKey", "missing-key"],
      [412, "PreconditionFailed", "precondition"],
      [400, "KeyTooLongError", "bad-name"],
      [400, "EntityTooLarge", "refused"],
      [400, "InvalidArgument", "refused"],
      [501, "NotImplemented", "refused"],
      [507, "XMinioStorageFull", "no-room"],
      [400, "XMinioAdminBucketQuotaExceeded", "no-room"],
      [400, "InvalidPart", "unavailable"],
    ] as const;
    let answer: (typeof answers)[number];
    const { store, waits } = await storeOn((_, response) =>
      send(response, answer[0], errorXml(answer[1]))
    );
    for (answer of answers) {
      const error = await rejectsWith(answer[2], () => store.get(BUCKET, "x"));
      assert.ok(!error.message.includes(PASSWORD));
    }
    assert.deepEqual(waits, []);
  });

  it("until the caller gives up while it waits", async () => {
    const abort = new AbortController();
    const { store, requests } = await storeOn((_, response) => {
      send(response, 503);
      setTimeout(() => abort.abort(new Error("enough")), 20);
    }, { sleep: undefined, timing: { backoffMs: 5_000 } });
    await assert.rejects(() => store.get(BUCKET, "x", { signal: abort.signal }), /enough/);
    assert.equal(requests.length, 1);
  });
});

describe("S3Store: a content that does not arrive whole", () => {
  const content = new Uint8Array(300_000).map((_, i) => i % 251);

  async function contentOf(store: S3Store): Promise<Uint8Array> {
    const object = await store.get(BUCKET, "x");
    assert.equal(object.size, content.length);
    return new Uint8Array(await new Response(object.body).arrayBuffer());
  }

  it("is continued where the connection was cut, of the same version", async () => {
    const { store, requests } = await storeOn((request, response) => {
      sendPart({ request, response }, content, request.index < 2 ? 100_000 : content.length);
      if (request.index < 2) setTimeout(() => response.destroy(), 30);
      else response.end();
    });
    assert.deepEqual(await contentOf(store), content);
    assert.equal(requests.length, 3);
    assert.equal(requests[1]?.headers["if-match"], '"v1"');
    assert.match(requests[2]?.headers.range ?? "", /^bytes=[1-9]\d*-$/);
  });

  it("is continued after a stall", async () => {
    const { store, requests } = await storeOn((request, response) => {
      sendPart({ request, response }, content, request.index === 0 ? 50_000 : content.length);
      if (request.index > 0) response.end();
    }, { timing: { idleMs: 150 } });
    assert.deepEqual(await contentOf(store), content);
    assert.equal(requests.length, 2);
  });

  it("is an error when it stalls again and again", async () => {
    const { store } = await storeOn(
      (request, response) => sendPart({ request, response }, content, 10),
      { timing: { idleMs: 60 } },
    );
    const error = await rejectsWith("unavailable", () => contentOf(store));
    assert.match(error.message, /nothing from the server for 60 ms/);
  });

  it("is an error when it comes too slowly to be of use, though it never stalls", async () => {
    const timers: ReturnType<typeof setInterval>[] = [];
    const { store } = await storeOn((request, response) => {
      sendPart({ request, response }, content, 1);
      timers.push(setInterval(() => response.write("x"), 20));
    }, { timing: { idleMs: 5_000, totalMs: 150, bytesPerSecond: 1e9 } });
    try {
      const error = await rejectsWith("unavailable", () => contentOf(store));
      assert.match(error.message, /no end of the answer/);
    } finally {
      timers.forEach(clearInterval);
    }
  });

  it("is an error when the object has changed meanwhile", async () => {
    const { store } = await storeOn((request, response) => {
      if (request.index > 0) return send(response, 412, errorXml("PreconditionFailed"));
      sendPart({ request, response }, content, 100_000);
      setTimeout(() => response.destroy(), 30);
    });
    await rejectsWith("precondition", () => contentOf(store));
  });

  it("is an error when the server sends the beginning instead of the rest", async () => {
    const { store } = await storeOn((request, response) => {
      const whole = { ...request, headers: {} };
      sendPart({ request: whole, response }, content, 100_000);
      setTimeout(() => response.destroy(), 30);
    });
    await rejectsWith("unavailable", () => contentOf(store));
  });

  it("is an error when it is longer than announced", async () => {
    const store = new S3Store({
      endpoint: "http://127.0.0.1:1",
      fetch: () =>
        Promise.resolve(
          new Response("longer", { headers: { "content-length": "3", etag: '"v1"' } }),
        ),
    });
    const { body } = await store.get(BUCKET, "x");
    await rejectsWith("unavailable", () => new Response(body).text());
  });

  it("is refused when the server does not say its size", async () => {
    const { store } = await storeOn((_, response) => {
      response.writeHead(200, { etag: '"v1"' });
      response.write("chunk");
      response.end("chunk");
    });
    const error = await rejectsWith("unavailable", () => store.get(BUCKET, "x"));
    assert.match(error.message, /does not say the size/);
  });

  it("a reader that takes its time is not taken for a server that stalls", async () => {
    const { store, requests } = await storeOn((request, response) => {
      sendPart({ request, response }, content, content.length);
      response.end();
    }, { timing: { idleMs: 80, totalMs: 80, bytesPerSecond: 1e9 } });
    const object = await store.get(BUCKET, "x");
    const reader = object.body.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 250));
    while (!(await reader.read()).done);
    assert.equal(requests.length, 1);
  });
});

describe("S3Store: a success that is none", () => {
  it("200 with an error in it makes a multipart upload fail, and the upload is removed", async () => {
    const { store, requests } = await storeOn((request, response) => {
      if (request.path.includes("uploads=")) {
        const id =
          "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
        return send(response, 200, id);
      }
      if (request.method === "PUT") return send(response, 200, "", { etag: '"part"' });
      if (request.method === "HEAD") return send(response, 404);
      if (request.method === "DELETE") return send(response, 204);
      send(response, 200, `\n\n${errorXml("InvalidPart", "a part is missing")}`);
    });
    const error = await rejectsWith(
      "unavailable",
      () => store.put(BUCKET, "x", new Uint8Array(9 * MIB)),
    );
    assert.match(error.message, /InvalidPart: a part is missing/);
    const methods = requests.map((request) => request.method);
    assert.deepEqual(methods, ["POST", "PUT", "PUT", "POST", "HEAD", "DELETE"]);
    assert.ok(requests.at(-1)?.path.includes("uploadId=u1"));
  });

  it("200 with an error that may pass is tried again", async () => {
    const { store } = await storeOn(({ index }, response) => {
      send(response, 200, index === 0 ? errorXml("InternalError") : pageXml(["a"]));
    });
    assert.deepEqual(await keysOf(store, BUCKET, ""), ["a"]);
  });

  it("a page that is no listing is an error that asks for the address", async () => {
    for (const body of ["<html><body>Welcome<br></body></html>", "hello", "", "<a><b></a>"]) {
      const { store } = await storeOn((_, response) => send(response, 200, body));
      const error = await rejectsWith("unavailable", () => store.check(BUCKET));
      assert.match(error.message, /is this the address of an S3 server\?/);
      await server?.stop();
    }
    const { store } = await storeOn((_, response) => send(response, 404, "<html>Not found</html>"));
    const error = await rejectsWith("unavailable", () => store.check(BUCKET));
    assert.match(error.message, /answered 404; is this the address of an S3 server\?/);
  });

  it("a redirect is not followed, and its host gets nothing", async () => {
    other = await startFaultServer((_, response) => send(response, 200, pageXml(["a"])));
    for (const status of [301, 302, 303, 307, 308]) {
      const { store, requests, waits } = await storeOn((_, response) =>
        send(response, status, errorXml("PermanentRedirect"), {
          location: `${other?.endpoint}/secret-path`,
          "x-amz-bucket-region": "eu-west-1",
        })
      );
      for (
        const run of [
          () => store.check(BUCKET),
          () => store.get(BUCKET, "x"),
          () => store.put(BUCKET, "x", bytes(".")),
        ]
      ) {
        const error = await rejectsWith("denied", run);
        assert.match(error.message, /not followed; set the region to eu-west-1/);
        assert.ok(error.message.includes(other.endpoint), error.message);
        assert.ok(!error.message.includes("secret-path"));
      }
      assert.equal(requests.length, 3);
      assert.deepEqual(waits, []);
      await server?.stop();
    }
    assert.equal(other.requests.length, 0);
  });

  it("another version than the one asked for is refused", async () => {
    const { store } = await storeOn((_, response) =>
      send(response, 200, "x", { etag: '"v2"', "content-length": 1 })
    );
    await rejectsWith("precondition", () => store.get(BUCKET, "x", { ifMatch: "v1" }));
  });
});

describe("S3Store: a listing", () => {
  /** Pages made by a function, without a server. */
  function storeOf(page: (index: number) => string): S3Store {
    let index = 0;
    return new S3Store({
      endpoint: "http://127.0.0.1:1",
      fetch: () => Promise.resolve(new Response(page(index++))),
    });
  }

  it("of 5,000 pages is read to its end", async () => {
    const name = (i: number) => `${i}`.padStart(6, "0");
    const store = storeOf((i) =>
      pageXml([`${name(i)}a`, `${name(i)}b`], i < 4_999 ? `t${i}` : undefined)
    );
    let count = 0;
    for await (const page of store.list(BUCKET, "")) count += page.length;
    assert.equal(count, 10_000);
  });

  const endless: [string, (index: number) => string][] = [
    ["repeats its token", (i) => pageXml([`${i}`], "same")],
    ["begins anew for ever", (i) => pageXml(["a", "b"], `token${i}`)],
    ["goes back", (i) => pageXml([i % 2 === 0 ? "b" : "a"], `token${i}`)],
    ["has nothing but empty pages", (i) => pageXml([], `token${i}`)],
    ["is cut off without a token", () => pageXml(["a"], "")],
    ["has keys outside its prefix", () => pageXml(["pre/a", "other"])],
  ];
  for (const [what, page] of endless) {
    it(`that ${what} is an error`, async () => {
      const store = storeOf(page);
      await rejectsWith(
        "unavailable",
        () => keysOf(store, BUCKET, what.includes("prefix") ? "pre/" : ""),
      );
    });
  }

  it("with an entity bomb is refused", async () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(10)}">`,
    );
    const bomb = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "boom">${levels.join("")}]>` +
      pageXml(["a"]).replace("a</Key>", "&e12;</Key>");
    const error = await rejectsWith("unavailable", () => keysOf(storeOf(() => bomb), BUCKET, ""));
    assert.match(error.message, /declares a document type/);
  });

  it("that is larger than a page can be is not read to its end", async () => {
    let sent = 0;
    const store = new S3Store({
      endpoint: "http://127.0.0.1:1",
      fetch: () =>
        Promise.resolve(
          new Response(
            new ReadableStream({
              pull(controller) {
                sent += MIB;
                controller.enqueue(new Uint8Array(MIB).fill(32));
              },
            }),
          ),
        ),
    });
    const error = await rejectsWith("unavailable", () => keysOf(store, BUCKET, ""));
    assert.match(error.message, /more than 8388608 bytes/);
    assert.ok(sent <= 12 * MIB);
  });

  it("nested beyond measure is refused", async () => {
    const deep = "<a>".repeat(50_000) + "</a>".repeat(50_000);
    await rejectsWith("unavailable", () => keysOf(storeOf(() => deep), BUCKET, ""));
  });
});

describe("S3Store: a server that does not answer", () => {
  it("is given up after the time for an answer, as often as allowed", async () => {
    const { store } = await storeOn(() => {}, { timing: { idleMs: 60, tries: 2 } });
    const error = await rejectsWith("unavailable", () => store.get(BUCKET, "x"));
    assert.match(
      error.message,
      /nothing from the server for 60 ms; check the address.*after 2 tries/,
    );
    assert.ok(error.message.includes(store.address));
  });

  it("makes check() fail after its own time", async () => {
    const { store } = await storeOn(() => {}, { checkMs: 100 });
    const error = await rejectsWith("unavailable", () => store.check(BUCKET));
    assert.match(error.message, /no answer within 100 ms; check the address/);
  });

  it("is let go of by an abort and by close()", async () => {
    const { store } = await storeOn(() => {});
    const abort = new AbortController();
    const reading = store.get(BUCKET, "x", { signal: abort.signal });
    setTimeout(() => abort.abort(new Error("stop now")), 20);
    await assert.rejects(() => reading, /stop now/);
    const waiting = rejectsWith("unavailable", () => store.get(BUCKET, "x"));
    setTimeout(() => void store.close(), 20);
    assert.match((await waiting).message, /closed/);
    await store.close();
    assert.match(
      (await rejectsWith("unavailable", () => store.get(BUCKET, "x"))).message,
      /closed/,
    );
  });

  it("that nobody listens for is named with what to do", async () => {
    const { store } = await storeOn(() => {}, { timing: { tries: 2 } });
    await server?.stop();
    const error = await rejectsWith("unavailable", () => textOf(store, BUCKET, "x"));
    assert.match(
      error.message,
      /cannot be reached: .*; check the address and that the server runs/,
    );
    assert.ok(!error.message.includes("\n"));
  });
});

describe("S3Store: its options", () => {
  it("an address that is none, or half a pair of credentials, is a TypeError without the password", () => {
    const wrong: S3StoreOptions[] = [
      { endpoint: "" },
      { endpoint: "http://" },
      { endpoint: "ftp://host" },
      { endpoint: "javascript:alert(1)" },
      { endpoint: "http://host:99999" },
      { endpoint: `http://user:${PASSWORD}@host:99999` },
      { endpoint: "http://host?x=1" },
      { endpoint: "http://host", user: "someone" },
      { endpoint: "http://host", password: new Secret(PASSWORD) },
      { endpoint: "http://host", user: "some one", password: new Secret(PASSWORD) },
    ];
    for (const options of wrong) {
      assert.throws(() => new S3Store(options), (error) => {
        assert.ok(error instanceof TypeError);
        assert.ok(!error.message.includes(PASSWORD), error.message);
        return true;
      });
    }
  });

  it("an address without a scheme means http, and a path in it is kept", () => {
    assert.equal(new S3Store({ endpoint: "host:9000" }).address, "http://host:9000");
    assert.equal(new S3Store({ endpoint: "https://host/s3/" }).address, "https://host/s3");
  });

  it("an ETag or content type that no header can carry is refused before anything is sent", async () => {
    const { store, requests } = await storeOn((_, response) => send(response, 200));
    await rejectsWith("precondition", () => store.get(BUCKET, "x", { ifMatch: "a\r\nx: y" }));
    const options = { contentType: "text/plain\r\nx: y" };
    await rejectsWith("bad-name", () => store.put(BUCKET, "x", bytes("."), options));
    assert.equal(requests.length, 0);
  });

  it("an empty user and an empty password are none", async () => {
    const { store, requests } = await storeOn((_, response) => send(response, 200, pageXml([])), {
      user: "",
      password: new Secret(""),
    });
    await store.check(BUCKET);
    assert.equal(requests[0]?.headers.authorization, undefined);
  });

  it("requests without a user carry no signature", async () => {
    const { store, requests } = await storeOn((_, response) => send(response, 200, pageXml([])), {
      user: undefined,
      password: undefined,
    });
    await store.check(BUCKET);
    assert.equal(requests[0]?.headers.authorization, undefined);
  });
});
