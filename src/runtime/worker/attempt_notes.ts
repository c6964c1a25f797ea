import type { Delivery } from "../../broker/broker.ts";
import type { FlowNames } from "../../broker/subjects.ts";
import type { StateStore } from "../../broker/state_store.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { UnderWay } from "./pending_work.ts";

/** Deliveries without an answer that a message may have before it counts as what ended its workers. */
const UNANSWERED_ALLOWED = 2;

/** From this attempt on a message may be a suspect, so that what is noted of it has to be read. */
export const FIRST_SUSPECT_ATTEMPT = UNANSWERED_ALLOWED + 1;

export interface AttemptNotesOptions {
  readonly state: StateStore;
  readonly names: FlowNames;
  readonly task: string;
  readonly log: Logger;
}

/** What the state store holds of one message. */
interface Note {
  /** Attempts that really started, the current one included. */
  readonly tries: number;
  /** The latest attempt that ended with its worker alive: nothing before it counts as a death. */
  readonly ended: number;
}

const NOTHING: Note = { tries: 0, ended: 0 };

/**
 * Tells apart messages that failed from messages that may have killed their workers. A broker counts deliveries only, also those to workers that died while the
 * message waited in them. So an attempt that ends with its worker alive is noted (from the second on, since two unanswered deliveries are allowed anyway), and a
 * message with more unanswered deliveries is a suspect: each try of a suspect is noted before it begins, so that a message which kills its worker ends as a
 * dead letter after `max.attempts` tries, and one that only waited there does not.
 *
 *     attempt   1        2        3              4              5
 *     throws    -        ended 2  ended 3        ended 4        …            never a suspect
 *     kills     -        -        suspect, try 3 suspect, try 4 suspect, try 5 …
 */
export class AttemptNotes {
  readonly #options: AttemptNotesOptions;
  /** What is known of deliveries that this worker holds. */
  readonly #notes = new WeakMap<Delivery, Note>();
  readonly #writing = new UnderWay();

  constructor(options: AttemptNotesOptions) {
    this.#options = options;
  }

  /** Whether a delivery may be what ended its earlier workers. Never rejects: while the state store does not answer, nothing is suspected. */
  async isSuspect(delivery: Delivery): Promise<boolean> {
    const { attempt } = delivery;
    if (attempt < FIRST_SUSPECT_ATTEMPT) return false;
    try {
      const entry = await this.#options.state.get(this.#key(delivery));
      const note = entry === undefined ? NOTHING : parse(entry.value);
      const unanswered = attempt - 1 - note.ended;
      const isSuspect = unanswered >= UNANSWERED_ALLOWED;
      const tries = isSuspect
        ? Math.max(note.tries, UNANSWERED_ALLOWED) + 1
        : note.tries + unanswered + 1;
      this.#notes.set(delivery, { tries: Math.min(tries, attempt), ended: note.ended });
      return isSuspect;
    } catch (error) {
      const fields = { sequence: delivery.sequence, reason: reasonOf(error) };
      this.#options.log.warning("Cannot read how a record's earlier attempts ended", fields);
      return false;
    }
  }

  /** How often the message was really started, including this time. */
  triesOf(delivery: Delivery): number {
    return this.#notes.get(delivery)?.tries ?? delivery.attempt;
  }

  /** Notes that a suspect is about to be tried. Never rejects. */
  async begins(delivery: Delivery): Promise<void> {
    await this.#write(delivery, { ...this.#noteOf(delivery) });
  }

  /** Notes that the attempt ended, or goes on, with its worker alive. Resolves once that is stored; never rejects. */
  async ended(delivery: Delivery): Promise<void> {
    const { attempt } = delivery;
    const note = this.#noteOf(delivery);
    if (attempt < UNANSWERED_ALLOWED || note.ended === attempt) return;
    await this.#write(delivery, { tries: note.tries, ended: attempt });
  }

  /** Notes that the message goes back untried, through no fault of its own. */
  handedBack(delivery: Delivery): void {
    const { attempt } = delivery;
    if (attempt < UNANSWERED_ALLOWED) return;
    const { tries } = this.#noteOf(delivery);
    this.#writing.add(this.#write(delivery, { tries: tries - 1, ended: attempt }));
  }

  /** Removes what is noted of a message that is acknowledged. */
  forget(delivery: Delivery): void {
    if (!this.#notes.delete(delivery)) return;
    const { state, log } = this.#options;
    const removal = state.delete(this.#key(delivery)).catch((error) =>
      log.debug("Cannot remove the note of a record's attempts", { reason: reasonOf(error) })
    );
    this.#writing.add(removal);
  }

  /** Resolves when everything is written and removed. */
  settled(): Promise<void> {
    return this.#writing.all();
  }

  /**
   * Removes all notes of the task, for the end of a batch: workers that were killed between an acknowledgement and the removal of its note have left some. Never
   * rejects.
   */
  async sweep(): Promise<void> {
    const { state, names, task, log } = this.#options;
    try {
      for (const key of await state.keys(names.state("begun", task))) await state.delete(key);
    } catch (error) {
      log.debug("Cannot remove the notes of attempts", { reason: reasonOf(error) });
    }
  }

  #noteOf(delivery: Delivery): Note {
    return this.#notes.get(delivery) ?? { tries: delivery.attempt, ended: 0 };
  }

  async #write(delivery: Delivery, note: Note): Promise<void> {
    const { state, log } = this.#options;
    this.#notes.set(delivery, note);
    try {
      await state.put(this.#key(delivery), `${note.tries} ${note.ended}`);
    } catch (error) {
      const fields = { sequence: delivery.sequence, reason: reasonOf(error) };
      log.warning("Cannot note how an attempt of a record ended", fields);
    }
  }

  #key({ sequence, timestamp }: Delivery): string {
    const { names, task } = this.#options;
    return names.state("begun", task, `${sequence}-${timestamp}`);
  }
}

function parse(text: string): Note {
  const [tries = 0, ended = 0] = text.split(" ").map(Number);
  return { tries: tries || 0, ended: ended || 0 };
}
