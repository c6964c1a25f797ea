import { afterEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { Secret } from "../../src/base/secret.ts";
import { S3Store } from "../../src/store/s3/s3_store.ts";
import { StoreError } from "../../src/store/store.ts";
import { newSecret } from "../support/run_record.ts";

const MIB = 1 << 20;
const MOST_GROWTH = 64 * MIB;
const MOST_TEXT = 3_000;
const PASSWORD = newSecret();
const ENDLESS = "x".repeat(64 * 1024);

/** Answers on the wire; all that it may not be able to say through an HTTP library it says here. */
class Liar {
  readonly #sockets = new Set<Socket>();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #server: Server;
  connections = 0;

  private constructor(answer: (liar: Liar, socket: Socket) => void) {
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("data", () => answer(this, socket));
    });
  }

  static async start(answer: (liar: Liar, socket: Socket) => void): Promise<Liar> {
    const liar = new Liar(answer);
    await new Promise<void>((resolve) => liar.#server.listen(0, "127.0.0.1", () => resolve()));
    return liar;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Says the same again as long as the other side listens. */
  forEver(socket: Socket, text: string): void {
    const timer = setInterval(() => {
      if (!socket.writable) clearInterval(timer);
      else if (socket.writableLength < MIB) socket.write(text);
    }, 1);
    this.#timers.push(timer);
  }

  async stop(): Promise<void> {
    this.#timers.forEach(clearInterval);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

const open: Liar[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((liar) => liar.stop()));
});

async function liar(answer: (liar: Liar, socket: Socket) => void): Promise<Liar> {
  const made = await Liar.start(answer);
  open.push(made);
  return made;
}

async function storeOn(answer: (liar: Liar, socket: Socket) => void): Promise<S3Store> {
  const { endpoint } = await liar(answer);
  const timing = { idleMs: 400, totalMs: 800, tries: 2, backoffMs: 1, bytesPerSecond: 1e9 };
  return new S3Store({ endpoint, user: "someone", password: new Secret(PASSWORD), timing });
}

function whole(body: string | Uint8Array, head = ""): (liar: Liar, socket: Socket) => void {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return (_, socket) => {
    const length = `Content-Length: ${bytes.length}\r\n`;
    socket.write(`HTTP/1.1 200 OK\r\n${length}ETag: "v1"\r\n${head}\r\n`);
    socket.write(bytes);
  };
}

const head = (text: string) => (_: Liar, socket: Socket) =>
  void socket.end(`HTTP/1.1 ${text}\r\n\r\n`);
const page = (inside: string) => whole(`<ListBucketResult>${inside}</ListBucketResult>`);
const object = (key: string) =>
  `<Contents><Key>${key}</Key><Size>1</Size>` +
  `<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`;

async function listed(store: S3Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const found of store.list("bucket", "")) keys.push(...found.map(({ key }) => key));
  return keys;
}

async function read(store: S3Store): Promise<Uint8Array> {
  const { body } = await store.get("bucket", "key");
  return await new Response(body).bytes();
}

/** The error, in bounded memory, in one line of bounded length, without the password. */
async function failsWell(work: () => Promise<unknown>): Promise<StoreError> {
  let growth = Infinity;
  let error: unknown;
  // Again for a heap that was small: what costs much costs it each time.
  for (let again = 0; again < 4 && growth > MOST_GROWTH; again++) {
    const before = process.memoryUsage().rss;
    error = await work().then((found) => assert.fail(`it gave ${String(found)}`), (e) => e);
    growth = process.memoryUsage().rss - before;
  }
  assert.ok(error instanceof StoreError, String(error));
  assert.ok(growth < MOST_GROWTH, `${growth} bytes`);
  assert.doesNotMatch(error.message, /\n/);
  assert.ok(error.message.length < MOST_TEXT, `${error.message.length} characters`);
  assert.ok(!error.message.includes(PASSWORD));
  return error;
}

const many = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join("");

describe("S3Store: a listing that is made to be expensive", () => {
  const pages: [string, string][] = [
    ["two million tags", "<a/>".repeat(1_900_000)],
    ["half a million names", many(600_000, (i) => `<a${i}/>`)],
    ["300,000 objects without a name", "<Contents><a/></Contents>".repeat(300_000)],
    [
      "a value of 6 MiB in place of a size",
      `<Contents><Size>${"x".repeat(6 * MIB)}</Size></Contents>`,
    ],
    ["a key of a million entities", object("&amp;".repeat(1_000_000))],
    ["a tag that never ends", "<a ".repeat(2_000_000)],
    ["a tag with 400,000 attributes", `<a ${many(400_000, (i) => `a${i}="${i}" `)}/>`],
    ["a million processing instructions", "<?a ?>".repeat(1_000_000)],
    ["comments that never end", "<!--".repeat(1_900_000)],
    ["text that never ends", "<![CDATA[".repeat(900_000)],
    [
      "a token of 7 MiB",
      `<IsTruncated>true</IsTruncated><NextContinuationToken>${
        "t".repeat(7 * MIB)
      }</NextContinuationToken>`,
    ],
    ["tags in each other, 20,000 deep", "<a>".repeat(20_000) + "</a>".repeat(20_000)],
    ["an entity declared in the middle", `<!DOCTYPE x [<!ENTITY a "b">]>${object("&a;")}`],
  ];
  for (const [what, inside] of pages) {
    it(`is refused: ${what}`, async () => {
      const store = await storeOn(page(inside));
      const error = await failsWell(() => listed(store));
      assert.match(error.message, /^Cannot list bucket "bucket" at http:.*: /);
    });
  }

  it("is read: a tag with 4 MiB of blanks", async () => {
    const store = await storeOn(page(`<a${" ".repeat(4 * MIB)}/>`));
    assert.deepEqual(await listed(store), []);
  });

  it("is refused: 1 GiB packed into 1 MiB", async () => {
    const packed = gzipSync(new Uint8Array(64 * MIB).fill(32));
    const bomb = new Uint8Array(packed.length * 16);
    for (let i = 0; i < 16; i++) bomb.set(packed, i * packed.length);
    const store = await storeOn(whole(bomb, "Content-Encoding: gzip\r\n"));
    await failsWell(() => listed(store));
  });

  it("is read where it is as large as a page can be", async () => {
    const key = (i: number) => `${i}`.padStart(6, "0") + "&amp;".repeat(1_000);
    const store = await storeOn(page(many(1_000, (i) => object(key(i)))));
    const keys = await listed(store);
    assert.equal(keys.length, 1_000);
    assert.equal(keys[0]!.length, 1_006);
  });
});

describe("S3Store: an answer that does not hold together", () => {
  const lies: [string, (liar: Liar, socket: Socket) => void][] = [
    ["no end of the body, no length", (liar, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      liar.forEver(socket, `10000\r\n${ENDLESS}\r\n`);
    }],
    ["no end of the headers", (liar, socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      liar.forEver(socket, many(50, (i) => `X-H${i}: ${"x".repeat(200)}\r\n`));
    }],
    ["no end of one header", (liar, socket) => {
      socket.write("HTTP/1.1 200 OK\r\nX: ");
      liar.forEver(socket, ENDLESS);
    }],
    [
      "no end of 100 Continue",
      (liar, socket) => liar.forEver(socket, "HTTP/1.1 100 Continue\r\n\r\n".repeat(50)),
    ],
    ["no end of an error", (liar, socket) => {
      socket.write("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n");
      liar.forEver(socket, `10000\r\n${ENDLESS}\r\n`);
    }],
    ["a length that is none", head("200 OK\r\nContent-Length: many")],
    ["a length below nothing", head("200 OK\r\nContent-Length: -1")],
    [
      "a length of a petabyte and no content",
      head('200 OK\r\nETag: "v1"\r\nContent-Length: 1000000000000000'),
    ],
    ["a status that is none", head("999 ???\r\nContent-Length: 0")],
    ["no HTTP at all", (_, socket) => void socket.end("SSH-2.0-OpenSSH_9.6\r\n")],
    ["an error of 40 kB", (_, socket) => {
      const body = `<Error><Code>${"C\n".repeat(20_000)}</Code><Message>${
        "m\n".repeat(9_000)
      }</Message></Error>`;
      socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    }],
    [
      "a redirect to a name of 7,000 letters",
      head(`302 Found\r\nContent-Length: 0\r\nLocation: http://${"a".repeat(7_000)}/`),
    ],
    ["a clock of 7,000 letters", (_, socket) => {
      const body = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
      socket.end(
        `HTTP/1.1 403 Forbidden\r\nDate: ${
          "x".repeat(7_000)
        }\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    }],
  ];
  for (const [what, answer] of lies) {
    it(`is an error for list, get, put and delete: ${what}`, async () => {
      const store = await storeOn(answer);
      await failsWell(() => listed(store));
      await failsWell(() => read(store));
      // What says that it is done and sends nothing more, has done it as far as anyone can know.
      if (/^a length|^no end of the body/.test(what)) return;
      await failsWell(() => store.put("bucket", "key", new Uint8Array(1)));
      await failsWell(() => store.delete("bucket", "key"));
    });
  }

  it("with more content than announced gives what was announced, or an error", async () => {
    const store = await storeOn((liar, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: 4\r\n\r\nfour');
      liar.forEver(socket, ENDLESS);
    });
    const content = await read(store).catch((error) => {
      assert.ok(error instanceof StoreError, String(error));
      return new TextEncoder().encode("four");
    });
    assert.equal(new TextDecoder().decode(content), "four");
  });

  it("with less content than announced is an error that says how much came", async () => {
    const store = await storeOn((_, socket) => {
      socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour");
    });
    await failsWell(() => read(store));
  });

  it("that is packed though nobody asked is never more than announced", async () => {
    const packed = gzipSync(new Uint8Array(64 * MIB));
    const store = await storeOn(whole(packed, "Content-Encoding: gzip\r\n"));
    const content = await read(store).catch((error) => {
      assert.ok(error instanceof StoreError, String(error));
      return new Uint8Array();
    });
    assert.ok(content.length <= packed.length, `${content.length} bytes`);
  });
});

describe("S3Store: a server that sends to another host", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it(
      `by ${status} is not followed by any call, and the host sees no connection`,
      async () => {
        const other = await liar(() => {});
        const store = await storeOn(
          head(
            `${status} Elsewhere\r\nContent-Length: 0\r\nLocation: ${other.endpoint}/bucket/key`,
          ),
        );
        for (
          const work of [
            () => listed(store),
            () => store.check("bucket"),
            () => read(store),
            () => store.put("bucket", "key", new Uint8Array(1)),
            () => store.put("bucket", "key", new Uint8Array(9 * MIB)),
            () => store.delete("bucket", "key"),
          ]
        ) {
          const error = await failsWell(work);
          assert.match(error.message, /not followed/);
        }
        assert.equal(other.connections, 0);
      },
    );
  }
});
