import type { Delivery, Publisher } from "../broker/broker.ts";
import type { FlowNames } from "../broker/subjects.ts";
import type { Files } from "../files/files.ts";

/** What is kept beside the message itself. */
export interface DeathNotice {
  readonly task: string;
  readonly attempts: number;
  readonly error: string;
}

/** Port: where messages go that will not be tried again. Resolves once the message is kept for good: only then is the input acked. */
export interface DeadLetters {
  put(delivery: Delivery, notice: DeathNotice): Promise<void>;
  /** Where a person finds them. */
  readonly place: string;
}

/** Error text kept in a header, characters. */
const ERROR_LENGTH = 500;

/** Dead letters in a stream of the flow: body and headers exact, and headers that say enough to put the message back where it failed. */
export class BrokerDeadLetters implements DeadLetters {
  readonly #publisher: Publisher;
  readonly #names: FlowNames;

  constructor(options: { publisher: Publisher; names: FlowNames }) {
    this.#publisher = options.publisher;
    this.#names = options.names;
  }

  get place(): string {
    return `stream ${this.#names.deadStream}`;
  }

  put(delivery: Delivery, notice: DeathNotice): Promise<void> {
    const { task } = notice;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#publisher.publish({
      subject: this.#names.dead(task),
      id: `dead.${task}.${delivery.sequence}.${delivery.timestamp}`,
      body: delivery.body,
      headers: { ...delivery.headers(), ...headersOf(delivery, notice) },
    }, { stored: () => resolve(), failed: reject });
    return promise;
  }
}

/** Dead letters in files, one each, for a broker that forgets. */
export class FileDeadLetters implements DeadLetters {
  readonly #files: () => Promise<Files>;
  readonly #folder: string;

  /** @param options.files Called at the first dead letter, so that a run without any makes no folder. */
  constructor(options: { files: () => Promise<Files>; folder: string; place: string }) {
    this.#files = options.files;
    this.#folder = options.folder;
    this.place = options.place;
  }

  readonly place: string;

  async put(delivery: Delivery, notice: DeathNotice): Promise<void> {
    const text = JSON.stringify(
      {
        headers: { ...delivery.headers(), ...headersOf(delivery, notice) },
        error: notice.error,
        bodyBase64: base64(delivery.body),
      },
      null,
      2,
    );
    const path = `${this.#folder}/${notice.task}-${delivery.sequence}.json`;
    const files = await this.#files();
    await files.write(path, new TextEncoder().encode(text + "\n"));
  }
}

function headersOf(delivery: Delivery, notice: DeathNotice): Record<string, string> {
  return {
    "Kflow-Task": notice.task,
    "Kflow-Edge": delivery.subject,
    "Kflow-Sequence": String(delivery.sequence),
    "Kflow-Timestamp": delivery.timestamp,
    "Kflow-Attempt": String(notice.attempts),
    "Kflow-Error": headerText(notice.error),
  };
}

/** Header values are one line of ASCII; whatever else there is becomes a `?`. */
function headerText(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/[^\x20-\x7e]/g, "?").trim().slice(
    0,
    ERROR_LENGTH,
  );
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}
