import { BrokerError } from "../../broker.ts";
import {
  API,
  ApiError,
  callApi,
  isTaken,
  publishOnce,
  type StoredMessage,
  type StreamInfo,
  streamInfo,
  unless,
} from "./api.ts";
import { encodeHeaders } from "../wire/headers.ts";
import type { NatsLink } from "../wire/link.ts";
import { raiseReplicas, replicasFix } from "./replicas.ts";
import { RevisionConflict, type StateEntry, type StateStore } from "../../state_store.ts";
import { StartError } from "../../../base/errors.ts";

const KEY = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const LARGEST = 512 * 1024;
const NO_BYTES = new Uint8Array();
const REMOVED = /^KV-Operation: (DEL|PURGE)\r?$/m;

/**
 * State in a key-value bucket that other NATS tools can read. A deletion leaves nothing behind, so that a key's revision is 0 again.
 */
export class NatsState implements StateStore {
  readonly #link: NatsLink;
  readonly #stream: string;
  readonly #prefix: string;
  readonly #replicas: number;
  #made?: Promise<void>;

  constructor(link: NatsLink, { bucket, replicas = 1 }: { bucket: string; replicas?: number }) {
    this.#link = link;
    this.#replicas = replicas;
    this.#stream = `KV_${bucket}`;
    this.#prefix = `$KV.${bucket}.`;
  }

  async get(key: string): Promise<StateEntry | undefined> {
    const message = await this.#last(key);
    if (message === undefined || isRemoval(message)) return undefined;
    return { value: text(message.data), revision: message.seq };
  }

  async put(key: string, value: string, options: { revision?: number } = {}): Promise<number> {
    const body = new TextEncoder().encode(value);
    if (body.length > LARGEST) {
      throw new RangeError(
        `Cannot put "${key}": ${body.length} bytes are more than the ${LARGEST} a value may have`,
      );
    }
    await this.#make();
    try {
      return await this.#publish(key, { body, revision: options.revision });
    } catch (error) {
      if (!isConflict(error)) throw error;
      // A deletion under way leaves its mark for a moment: for the caller the key does not exist.
      const last = options.revision === 0 ? await this.#last(key) : undefined;
      if (last === undefined || !isRemoval(last)) throw new RevisionConflict(key);
    }
    try {
      await this.#erase(key);
      return await this.#publish(key, { body, revision: 0 });
    } catch (error) {
      throw isConflict(error) ? new RevisionConflict(key) : error;
    }
  }

  async delete(key: string): Promise<void> {
    const last = await this.#last(key);
    if (last === undefined) return;
    // A mark that is there already was left by somebody who ended before erasing it.
    const mark = isRemoval(last)
      ? last.seq
      : await this.#publish(key, { body: NO_BYTES, operation: "DEL" });
    await this.#erase(key, mark);
  }

  async keys(prefix: string): Promise<string[]> {
    await this.#make();
    const found = new Set<string>();
    for (const filter of [subject(this.#prefix, prefix), `${subject(this.#prefix, prefix)}.>`]) {
      for (let offset = 0;;) {
        const info = await this.#call<StreamInfo>("INFO", { subjects_filter: filter, offset });
        const subjects = Object.keys(info.state.subjects ?? {});
        for (const name of subjects) found.add(name.slice(this.#prefix.length));
        offset += subjects.length;
        if (subjects.length === 0 || offset >= (info.total ?? 0)) break;
      }
    }
    return [...found].sort();
  }

  watch(prefix: string, changed: () => void, signal: AbortSignal): void {
    if (signal.aborted || this.#link.closed) return;
    const name = subject(this.#prefix, prefix);
    const unsubscribe: (() => void)[] = [];
    const lost = () => {
      for (const end of unsubscribe.splice(0)) end();
    };
    const subscribe = () => {
      lost();
      for (const filter of [name, `${name}.>`]) {
        const subscription = this.#link.nc.subscribe(filter, {
          callback: (error) => error ?? changed(),
        });
        unsubscribe.push(() => subscription.unsubscribe());
      }
    };
    const unlisten = this.#link.listen({
      lost,
      restored: () => {
        subscribe();
        changed();
      },
    });
    signal.addEventListener("abort", () => {
      unlisten();
      lost();
    }, { once: true });
    if (this.#link.connected) subscribe();
  }

  async #publish(
    key: string,
    message: { body: Uint8Array; revision?: number; operation?: string },
  ): Promise<number> {
    const { body, revision, operation } = message;
    // With an id the server knows a put that is sent again after its answer was lost.
    const headers = encodeHeaders({
      "Nats-Msg-Id": crypto.randomUUID(),
      ...(operation === undefined ? {} : { "KV-Operation": operation }),
      ...(revision === undefined
        ? {}
        : { "Nats-Expected-Last-Subject-Sequence": String(revision) }),
    });
    const ack = await publishOnce(this.#link, subject(this.#prefix, key), { body, headers });
    return ack.seq;
  }

  async #last(key: string): Promise<StoredMessage | undefined> {
    await this.#make();
    const answer = await unless(
      [API.messageNotFound],
      this.#call<{ message: StoredMessage }>("MSG.GET", {
        last_by_subj: subject(this.#prefix, key),
      }),
    );
    return answer?.message;
  }

  /** @param upTo Sequence after which nothing is erased: somebody may have put the key again. */
  async #erase(key: string, upTo?: number): Promise<void> {
    await this.#call("PURGE", {
      filter: subject(this.#prefix, key),
      ...(upTo === undefined ? {} : { seq: upTo + 1 }),
    });
  }

  async #call<T>(what: string, body: unknown): Promise<T> {
    try {
      return await callApi(this.#link, `STREAM.${what}.${this.#stream}`, body, { isThere: true });
    } catch (error) {
      // Somebody may have removed it: the next call makes it again.
      if (error instanceof BrokerError) this.#made = undefined;
      throw error;
    }
  }

  #make(): Promise<void> {
    return this.#made ??= this.#create().catch((error) => {
      this.#made = undefined;
      throw error;
    });
  }

  async #create(): Promise<void> {
    const found = await streamInfo(this.#link, this.#stream);
    try {
      if (found !== undefined) {
        return await raiseReplicas(this.#link, found.config, this.#replicas);
      }
      await callApi(this.#link, `STREAM.CREATE.${this.#stream}`, {
        name: this.#stream,
        description: "kflow state",
        subjects: [`${this.#prefix}>`],
        retention: "limits",
        storage: "file",
        discard: "new",
        max_msgs_per_subject: 1,
        max_msgs: -1,
        max_bytes: -1,
        max_age: 0,
        max_msg_size: -1,
        max_consumers: -1,
        num_replicas: this.#replicas,
        allow_rollup_hdrs: true,
        allow_direct: true,
        deny_delete: true,
      });
    } catch (error) {
      if (
        found === undefined && isTaken(error) &&
        await streamInfo(this.#link, this.#stream) !== undefined
      ) return;
      if (!(error instanceof ApiError)) throw error;
      const verb = found === undefined ? "make" : "change";
      throw new StartError(
        `Cannot ${verb} the key-value bucket "${this.#stream.slice(3)}": ${error.message}; ${
          replicasFix(error) ?? "check the account's limits"
        }`,
        { cause: error },
      );
    }
  }
}

function subject(prefix: string, key: string): string {
  if (!KEY.test(key)) {
    throw new RangeError(
      `Cannot use ${JSON.stringify(key)} as a key: tokens of A-Z a-z 0-9 _ - joined by dots are`,
    );
  }
  return prefix + key;
}

function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.code === API.wrongLastSequence;
}

function isRemoval(message: StoredMessage): boolean {
  return message.hdrs !== undefined && REMOVED.test(text(message.hdrs));
}

function text(base64: string | undefined): string {
  if (base64 === undefined) return "";
  return new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
}
