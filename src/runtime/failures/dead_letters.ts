import { base64 } from "../../base/text/base64.ts";
import type { Delivery, OutMessage, Publisher } from "../../broker/broker.ts";
import type { FlowNames } from "../../broker/subjects.ts";
import type { Files } from "../../files/files.ts";
import { deadLetterMessages } from "./dead_letter_messages.ts";
import { type DeathNotice, noticeHeaders } from "./death_notice.ts";

/** Port: where messages go that will not be tried again. Resolves once the message is kept for good: only then is the input acked. */
export interface DeadLetters {
  put(delivery: Delivery, notice: DeathNotice): Promise<void>;
  /** Where a person finds them. */
  readonly place: string;
}

/** Dead letters in a stream of the flow: body and headers exact, and headers that say enough to put the message back where it failed. */
export class BrokerDeadLetters implements DeadLetters {
  readonly #publisher: Publisher;
  readonly #names: FlowNames;
  readonly #maxPayload: number;

  constructor(options: { publisher: Publisher; names: FlowNames; maxPayload: number }) {
    this.#publisher = options.publisher;
    this.#names = options.names;
    this.#maxPayload = options.maxPayload;
  }

  get place(): string {
    return `stream ${this.#names.deadStream}`;
  }

  async put(delivery: Delivery, notice: DeathNotice): Promise<void> {
    const id = `dead.${notice.task}.${delivery.sequence}.${delivery.timestamp}`;
    const messages = deadLetterMessages(delivery, notice, this.#maxPayload);
    await Promise.all(messages.map((message, index) =>
      this.#publish({
        ...message,
        subject: this.#names.dead(notice.task),
        id: index === 0 ? id : `${id}.${index}`,
      })
    ));
  }

  #publish(message: OutMessage): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#publisher.publish(message, { stored: () => resolve(), failed: reject });
    return promise;
  }
}

/** Dead letters in files for a broker that forgets: one for each task, with a line of JSON for each letter. */
export class FileDeadLetters implements DeadLetters {
  readonly #files: () => Promise<Files>;
  readonly #folder: string;
  /** One after the other, so that no line runs into another. */
  #writing: Promise<void> = Promise.resolve();

  /** @param options.files Called at the first dead letter, so that a run without any makes no folder. */
  constructor(options: { files: () => Promise<Files>; folder: string; place: string }) {
    this.#files = options.files;
    this.#folder = options.folder;
    this.place = options.place;
  }

  readonly place: string;

  put(delivery: Delivery, notice: DeathNotice): Promise<void> {
    const line = JSON.stringify({
      headers: { ...delivery.headers(), ...noticeHeaders(delivery, notice) },
      error: notice.error,
      ...(notice.stack && { stack: notice.stack }),
      bodyBase64: base64(delivery.body),
    });
    const bytes = new TextEncoder().encode(line + "\n");
    this.#writing = this.#writing.catch(() => {}).then(async () => {
      const files = await this.#files();
      await files.append(`${this.#folder}/${notice.task}.ndjson`, bytes);
    });
    return this.#writing;
  }
}
