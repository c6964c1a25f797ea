import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Socket } from "node:net";
import { Connections } from "../../adapters/shared/http/connections.ts";
import { turn } from "../../src/base/time/waiting.ts";

const MOST = 4;

/** `count` of them, opened one after another. */
function opened(connections: Connections, count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = new Socket();
    connections.opened(socket);
    return socket;
  });
}

const ended = (sockets: Socket[]) => sockets.map(({ destroyed }) => destroyed);

describe("Connections", () => {
  it("ends those on which nothing is asked, the longest first", async () => {
    const connections = new Connections(MOST);
    const sockets = opened(connections, MOST + 2);
    await turn();
    assert.deepEqual(ended(sockets), [true, true, false, false, false, false]);
  });

  it("does not end one whose request comes in the same turn as a new connection", async () => {
    const connections = new Connections(MOST);
    const sockets = opened(connections, MOST + 1);
    assert.equal(connections.asked(sockets[0]!), true);
    await turn();
    assert.deepEqual(ended(sockets), [false, true, false, false, false]);
  });

  it("ends none if as many have closed in the same turn", async () => {
    const connections = new Connections(MOST);
    const sockets = opened(connections, MOST);
    sockets.pop()?.destroy();
    sockets.push(...opened(connections, 1));
    await turn();
    assert.deepEqual(ended(sockets), [false, false, false, false]);
  });

  it("refuses one more while all are being answered", async () => {
    const connections = new Connections(MOST);
    const sockets = opened(connections, MOST + 2);
    const answers = sockets.slice(0, MOST + 1).map((socket) => connections.asked(socket));
    assert.deepEqual(answers, [true, true, true, true, false]);
    await turn();
    assert.deepEqual(ended(sockets), [false, false, false, false, true, true]);
  });
});
