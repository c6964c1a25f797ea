// Contender: the shortest loop that one would write by hand on the same client and still be safe. One wildcard inbox takes all
// confirmations; an input is acked when its output is stored. Arguments: server, group, records, "wildcard" or "js-publish".
import { Buffer } from "node:buffer";
import process from "node:process";
import avsc from "avsc";
import { connect, createInbox, type Msg, type MsgHdrs } from "nats.ws";
import { IN_FLIGHT, INPUT_STREAM, OUTPUT_SUBJECT, type Result, SCHEMA, work } from "./setting.ts";

const [server, group, count, way] = process.argv.slice(2) as [string, string, string, string];
const total = Number(count);
const type = avsc.Type.forSchema(JSON.parse(JSON.stringify(SCHEMA)));
const nc = await connect({ servers: server });
const jsm = await nc.jetstreamManager();
await jsm.consumers.add(INPUT_STREAM, {
  durable_name: group,
  ack_policy: "explicit" as never,
  max_ack_pending: 65_536,
});

const nextSubject = `$JS.API.CONSUMER.MSG.NEXT.${INPUT_STREAM}.${group}`;
const pullInbox = createInbox();
const confirmInbox = createInbox();
const js = nc.jetstream();
const waiting = new Map<string, string>();
const encoder = new TextEncoder();
let started = 0;
let done = 0;
let held = 0;
let asked = 0;
let finish = () => {};
const finished = new Promise<void>((resolve) => finish = resolve);

function ask(): void {
  const free = IN_FLIGHT - held - asked;
  if (free < IN_FLIGHT / 2) return;
  asked += free;
  nc.publish(nextSubject, JSON.stringify({ batch: free, expires: 30_000_000_000 }), {
    reply: pullInbox,
  });
}

function settle(reply: string): void {
  nc.publish(reply, "+ACK");
  held--;
  if (++done === total) finish();
  ask();
}

const idPrefix = encoder.encode("NATS/1.0\r\nNats-Msg-Id: ");
const idEnd = encoder.encode("\r\n\r\n");

/** nats.ws calls nothing but `encode` of the headers it is given; its own are several times slower. */
class IdHeader {
  constructor(readonly id: string) {}
  encode(): Uint8Array {
    const id = encoder.encode(this.id);
    const all = new Uint8Array(idPrefix.length + id.length + idEnd.length);
    all.set(idPrefix);
    all.set(id, idPrefix.length);
    all.set(idEnd, idPrefix.length + id.length);
    return all;
  }
}

let token = 0;
function handle(message: Msg): void {
  if (message.reply === undefined || message.reply === "") {
    asked = 0;
    ask();
    return;
  }
  if (started === 0) started = performance.now();
  asked--;
  held++;
  const { data, reply } = message;
  const record = type.fromBuffer(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  const body = type.toBuffer(work(record));
  const parts = reply.split(".");
  const id = `${group}.${parts[5]}.${parts[7]}`;
  if (way === "js-publish") {
    js.publish(OUTPUT_SUBJECT, body, { msgID: id }).then(() => settle(reply));
    return;
  }
  const name = String(token++);
  waiting.set(name, reply);
  nc.publish(OUTPUT_SUBJECT, body, {
    headers: new IdHeader(id) as unknown as MsgHdrs,
    reply: `${confirmInbox}.${name}`,
  });
}

nc.subscribe(`${confirmInbox}.*`, {
  callback: (_error, message) => {
    const answer = new TextDecoder().decode(message.data);
    if (answer.includes('"error"')) throw new Error(answer);
    const name = message.subject.slice(confirmInbox.length + 1);
    const reply = waiting.get(name);
    if (reply === undefined) return;
    waiting.delete(name);
    settle(reply);
  },
});
nc.subscribe(pullInbox, { callback: (_error, message) => handle(message) });
ask();
await finished;
await nc.flush();
const result: Result = { records: done, milliseconds: performance.now() - started };
console.log(JSON.stringify(result));
await nc.close();
process.exit(0);
