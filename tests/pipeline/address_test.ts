import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  AddressError,
  holdsPassword,
  parseHttpAddress,
  parseNatsAddress,
  parseStoreAddress,
} from "../../src/pipeline/checking/address.ts";

const store = (text: string) => parseStoreAddress(text, (path) => `resolved(${path})`);

describe("parseStoreAddress()", () => {
  const cases: [text: string, address: unknown][] = [
    ["memory:", { kind: "memory" }],
    ["file:./data", { kind: "directory", path: "resolved(./data)" }],
    ["file:data", { kind: "directory", path: "resolved(data)" }],
    ["file:../data", { kind: "directory", path: "resolved(../data)" }],
    ["file:///srv/my%20data", { kind: "directory", path: "resolved(/srv/my data)" }],
    ["file://localhost/srv", { kind: "directory", path: "resolved(/srv)" }],
    ["h:9000", { kind: "s3", endpoint: "http://h:9000" }],
    ["h", { kind: "s3", endpoint: "http://h" }],
    ["HTTPS://H.example:443/", { kind: "s3", endpoint: "https://h.example:443" }],
    ["http://10.0.0.1:9000", { kind: "s3", endpoint: "http://10.0.0.1:9000" }],
    ["[::1]:9000", { kind: "s3", endpoint: "http://[::1]:9000" }],
    ["http://minio_1:9000", { kind: "s3", endpoint: "http://minio_1:9000" }],
  ];
  for (const [text, address] of cases) {
    it(`reads ${text}`, () => assert.deepEqual(store(text), { address }));
  }

  it("takes credentials out of the address", () => {
    for (const text of ["http://us%40er:p%2Fw@h:9000", "us%40er:p%2Fw@h:9000"]) {
      const { address, user, password } = store(text);
      assert.deepEqual(address, { kind: "s3", endpoint: "http://h:9000" });
      assert.equal(user, "us@er");
      assert.equal(password?.reveal(), "p/w");
    }
    assert.equal(store("http://u:a@b@h:9000").password?.reveal(), "a@b");
    assert.equal(store("http://u:a:b@h:9000").password?.reveal(), "a:b");
  });

  for (
    const text of [
      "http://h:9000@",
      "http://@",
      "http://h h",
      "http:h:80",
      "http:/h",
      "h:9000:1",
      "é:9000",
      "http://[::1",
      "http://a..b%41:1",
      "data:x",
      "\\\\h\\x",
    ]
  ) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => store(text), AddressError));
  }
});

describe("parseNatsAddress()", () => {
  const cases: [text: string, address: unknown][] = [
    ["memory:", { kind: "embedded" }],
    ["h:8080", { kind: "tcp", url: "nats://h:8080" }],
    ["h", { kind: "tcp", url: "nats://h:4222" }],
    ["nats://h", { kind: "tcp", url: "nats://h:4222" }],
    ["nats://h:80", { kind: "tcp", url: "nats://h:80" }],
    ["nats://[fd00::1]", { kind: "tcp", url: "nats://[fd00::1]:4222" }],
    ["ws://h:8080", { kind: "websocket", url: "ws://h:8080" }],
    ["wss://h", { kind: "websocket", url: "wss://h" }],
    ["wss://h/nats", { kind: "websocket", url: "wss://h/nats" }],
    ["a,nats://b:80,c", { kind: "tcp", url: "nats://a:4222,nats://b:80,nats://c:4222" }],
    ["ws://a:1,wss://b", { kind: "websocket", url: "ws://a:1,wss://b" }],
  ];
  for (const [text, address] of cases) {
    it(`reads ${text}`, () => assert.deepEqual(parseNatsAddress(text), { address }));
  }

  it("takes user and password, or a token, out of the address", () => {
    const { address, user, password, token } = parseNatsAddress("nats://u:p@h:4222");
    assert.deepEqual(address, { kind: "tcp", url: "nats://h:4222" });
    assert.deepEqual([user, password?.reveal(), token], ["u", "p", undefined]);
    const given = parseNatsAddress("nats://secret@h");
    assert.deepEqual([given.user, given.token?.reveal()], [undefined, "secret"]);
    assert.equal(parseNatsAddress("ws://u:p@h:1").password?.reveal(), "p");
    for (const scheme of ["nats", "ws", "wss"]) {
      const { user, token, address } = parseNatsAddress(`${scheme}://t0ken@h:1`);
      assert.deepEqual([user, token?.reveal()], [undefined, "t0ken"]);
      assert.equal(JSON.stringify(address).includes("t0ken"), false);
      assert.ok(holdsPassword(`${scheme}://t0ken@h:1`));
    }
  });

  it("takes the credentials of several from any of them", () => {
    const texts = [
      "nats://u:p,w@a,nats://b",
      "nats://a,nats://u:p,w@b",
      "u:p,w@a,b",
      "nats://u:p,w@a,nats://u:p,w@b",
    ];
    for (const text of texts) {
      const { address, user, password } = parseNatsAddress(text);
      assert.deepEqual(address, { kind: "tcp", url: "nats://a:4222,nats://b:4222" }, text);
      assert.deepEqual([user, password?.reveal()], ["u", "p,w"], text);
    }
  });

  const refused: [text: string, problem: RegExp][] = [
    ["nats://a,ws://b", /has servers of different kinds; use .* for all of them/],
    ["nats://a,memory:", /has servers of different kinds/],
    ["memory:,memory:", /has servers of different kinds/],
    ["nats://u:p@a,nats://u:q@b", /"nats:\/\/\*\*\*@b" has different credentials; write them once/],
    ["nats://a,", /address is empty/],
    ["nats://a, nats://b", /has spaces/],
    ["nats://a,nats://b:99999", /"nats:\/\/b:99999" has a bad port/],
  ];
  for (const [text, problem] of refused) {
    it(`refuses ${text}`, () => assert.throws(() => parseNatsAddress(text), problem));
  }
});

describe("parseHttpAddress()", () => {
  it("reads bare and full addresses", () => {
    assert.deepEqual(parseHttpAddress("localhost:9200"), { address: "http://localhost:9200" });
    assert.deepEqual(parseHttpAddress("https://es"), { address: "https://es" });
    assert.throws(() => parseHttpAddress("file:./x"), AddressError);
  });
});

describe("holdsPassword()", () => {
  it("tells addresses with secrets from those without", () => {
    const secret = ["http://u:p@h:1", "u:p@h:1", "nats://token@h", "ws://u:p@h"];
    secret.push("nats://a,nats://u:p@b", "nats://a,nats://token@b");
    const open = [
      "nats://a,nats://b:1",
      "http://h:1",
      "h:1",
      "http://u@h:1",
      "u@h:1",
      "file:./a:b@c/d",
      "[::1]:80",
    ];
    assert.deepEqual(secret.filter((text) => !holdsPassword(text)), []);
    assert.deepEqual(open.filter(holdsPassword), []);
  });
});

describe("an address whose password lacks its @", () => {
  for (
    const text of [
      "http://admin:hunter2",
      "admin:hunter2:9000",
      "nats://u:hunter2h:4222",
      "wss://u:hunter2/x",
    ]
  ) {
    it(`is refused without the password: ${text.replace("hunter2", "***")}`, () => {
      const parse = /^(nats|wss?):/.test(text)
        ? () => parseNatsAddress(text)
        : () => parseHttpAddress(text);
      assert.throws(parse, (error: Error) => {
        assert.match(error.message, /^address ".*:\*\*\*" /);
        assert.ok(!error.message.includes("hunter2"), error.message);
        return true;
      });
    });
  }
});
