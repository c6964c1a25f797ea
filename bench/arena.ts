import { connect, headers, type JetStreamManager, type NatsConnection } from "nats.ws";
import { AvroCodec } from "../src/codec/avro/avro_codec.ts";
import { type NatsServer, startNats } from "../tests/support/servers/nats_server.ts";
import {
  FLOW,
  INPUT_STREAM,
  INPUT_SUBJECT,
  outputStream,
  recordOf,
  SCHEMA,
  STREAM_BYTES,
} from "./setting.ts";

/** Input is confirmed each time that so much of it was published. */
const CONFIRM_EVERY_RECORDS = 2_000;
const CONFIRM_EVERY_BYTES = 4 << 20;
/** Longer than any comparison, so that our worker's janitor leaves the input to those who come after it. */
const WINDOW_NANOS = 4 * 3_600_000_000_000;

export interface ArenaOptions {
  /** In the input stream. */
  readonly records: number;
  /** Of each record, at least. */
  readonly bytes?: number;
  /** Tasks that get the outputs. */
  readonly outs: readonly string[];
}

/** A NATS server of its own with a filled input stream, on which contenders work in turn. */
export class Arena {
  readonly server: NatsServer;
  readonly #nc: NatsConnection;
  readonly #jsm: JetStreamManager;
  readonly #options: ArenaOptions;

  private constructor(
    server: NatsServer,
    nc: NatsConnection,
    jsm: JetStreamManager,
    options: ArenaOptions,
  ) {
    this.server = server;
    this.#nc = nc;
    this.#jsm = jsm;
    this.#options = options;
  }

  static async open(options: ArenaOptions): Promise<Arena> {
    const server = await startNats();
    try {
      const nc = await connect({ servers: server.wsUrl });
      const arena = new Arena(server, nc, await nc.jetstreamManager(), options);
      await arena.#fill();
      return arena;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Output streams as new. */
  async clear(): Promise<void> {
    for (const task of this.#options.outs) {
      await this.#jsm.streams.delete(outputStream(task)).catch(() => {});
      await this.#addStream(outputStream(task), `kflow.${FLOW}.${task}.>`);
    }
  }

  /** Looks whether every output stream has an output of each record, and takes the group's consumer away. @param records Exactly so many, or with `least` no fewer. */
  async settle(group: string, { records, least }: { records: number; least: boolean }) {
    for (const task of this.#options.outs) {
      const { state } = await this.#jsm.streams.info(outputStream(task));
      if (least ? state.messages < records : state.messages !== records) {
        throw new Error(`${group} stored ${state.messages} of ${records} records for ${task}`);
      }
    }
    await this.#jsm.consumers.delete(INPUT_STREAM, group);
  }

  async close(): Promise<void> {
    await this.#nc.close();
    await this.server.stop();
  }

  async #fill(): Promise<void> {
    const { records, bytes } = this.#options;
    await this.#addStream(INPUT_STREAM, `kflow.${FLOW}.work.>`);
    const schema = new AvroCodec().parse(SCHEMA);
    const fixed = headers();
    fixed.set("Kflow-Schema", schema.fingerprint);
    const js = this.#nc.jetstream();
    let unconfirmed = 0;
    for (let i = 1; i <= records; i++) {
      const body = schema.encode(recordOf(i, bytes));
      unconfirmed += body.length;
      const isAsked = i % CONFIRM_EVERY_RECORDS === 0 || i === records ||
        unconfirmed > CONFIRM_EVERY_BYTES;
      if (isAsked) {
        await js.publish(INPUT_SUBJECT, body, { headers: fixed });
        unconfirmed = 0;
      } else this.#nc.publish(INPUT_SUBJECT, body, { headers: fixed });
    }
    const { state } = await this.#jsm.streams.info(INPUT_STREAM);
    if (state.messages !== records) {
      throw new Error(`${state.messages} of ${records} records are in the input stream`);
    }
  }

  async #addStream(name: string, subjects: string): Promise<void> {
    await this.#jsm.streams.add({
      name,
      subjects: [subjects],
      max_bytes: STREAM_BYTES,
      discard: "new" as never,
      duplicate_window: WINDOW_NANOS,
    });
  }
}
