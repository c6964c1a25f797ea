// Contender: the shortest loop that one would write by hand on the same client and still be safe. One wildcard inbox takes all
// confirmations; an input is acked when its outputs are stored.
import { Buffer } from "node:buffer";
import process from "node:process";
import avsc from "avsc";
import { connect, createInbox, type Msg, type MsgHdrs } from "nats.ws";
import { INPUT_STREAM, type Job, outputSubject, type Result, SCHEMA, work } from "../setting.ts";
import { adapterSocket } from "./adapter_socket.ts";
import { nowMs, startingLine } from "./starting_line.ts";

/** How often a loop that does not know its share asks whether anything is left. */
const ASK_EVERY_MS = 100;

const job = JSON.parse(process.argv[2]!) as Job;
const { group, inFlight, take, warmUp = 0 } = job;
const subjects = job.outs.map(outputSubject);
const type = avsc.Type.forSchema(JSON.parse(JSON.stringify(SCHEMA)));
// The same websocket as our worker has.
const wsFactory = adapterSocket &&
  ((url: string) => Promise.resolve({ socket: adapterSocket!(url), encrypted: false }));
const nc = await connect({ servers: job.server, ...(wsFactory && { wsFactory }) });
const jsm = await nc.jetstreamManager();
await jsm.consumers.add(INPUT_STREAM, {
  durable_name: group,
  ack_policy: "explicit" as never,
  max_ack_pending: 65_536,
});

interface Waiting {
  readonly reply: string;
  /** Confirmations that are still to come. */
  left: number;
}

const nextSubject = `$JS.API.CONSUMER.MSG.NEXT.${INPUT_STREAM}.${group}`;
const pullInbox = createInbox();
const confirmInbox = createInbox();
const js = nc.jetstream();
const waiting = new Map<string, Waiting>();
const encoder = new TextEncoder();
let firstMs = 0;
let lastMs = 0;
let done = 0;
let held = 0;
let asked = 0;
let isOver = false;
const finished = Promise.withResolvers<void>();

function ask(): void {
  const free = inFlight - held - asked;
  if (isOver || free < inFlight / 2) return;
  asked += free;
  nc.publish(nextSubject, JSON.stringify({ batch: free, expires: 30_000_000_000 }), {
    reply: pullInbox,
  });
}

function settle(reply: string): void {
  if (isOver) return;
  nc.publish(reply, "+ACK");
  held--;
  done++;
  if (held === 0 || done === take) lastMs = nowMs();
  if (done === take) end();
  else ask();
}

function end(): void {
  isOver = true;
  finished.resolve();
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
let seen = 0;
function handle(message: Msg): void {
  if (message.reply === undefined || message.reply === "") {
    asked = 0;
    ask();
    return;
  }
  if (seen++ === warmUp) firstMs = nowMs();
  asked--;
  held++;
  const { data, reply } = message;
  const record = type.fromBuffer(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  const body = type.toBuffer(work(record));
  const parts = reply.split(".");
  const id = `${group}.${parts[5]}.${parts[7]}`;
  if (job.publish === "js-publish") {
    void js.publish(subjects[0]!, body, { msgID: id }).then(() => settle(reply));
    return;
  }
  const name = String(token++);
  waiting.set(name, { reply, left: subjects.length });
  for (const subject of subjects) {
    nc.publish(subject, body, {
      headers: new IdHeader(id) as unknown as MsgHdrs,
      reply: `${confirmInbox}.${name}`,
    });
  }
}

nc.subscribe(`${confirmInbox}.*`, {
  callback: (_error, message) => {
    const answer = new TextDecoder().decode(message.data);
    if (answer.includes('"error"')) throw new Error(answer);
    const name = message.subject.slice(confirmInbox.length + 1);
    const confirmed = waiting.get(name);
    if (confirmed === undefined || --confirmed.left > 0) return;
    waiting.delete(name);
    settle(confirmed.reply);
  },
});
nc.subscribe(pullInbox, { callback: (_error, message) => handle(message) });
await startingLine();
ask();
const looking = setInterval(() => {
  if (take !== undefined || held > 0) return;
  void jsm.consumers.info(INPUT_STREAM, group).then(({ num_pending, num_ack_pending }) => {
    if (num_pending + num_ack_pending === 0) end();
  });
}, ASK_EVERY_MS);
await finished.promise;
clearInterval(looking);
await nc.flush();
const result: Result = { records: done, firstMs, lastMs };
console.log(JSON.stringify(result));
await nc.close();
process.exit(0);
