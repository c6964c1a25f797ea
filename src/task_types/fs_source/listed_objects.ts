import type { SourceMemory } from "../../api/source_function.ts";

/**
 * Ids in one entry of the memory, 33 characters each. An entry is written again whenever ids are added to it, and has to fit into a message of a server whose
 * limit is a tenth of the usual one.
 */
const IDS_PER_PART = 1000;
/** Entries that are asked for together. */
const READS_AT_ONCE = 32;

/**
 * What a source has listed, kept in its memory in numbered parts. An id names one version of one object. Only the last part is written again when ids
 * are added.
 */
export class ListedObjects {
  readonly #memory: SourceMemory;
  readonly #name: string;
  #parts: string[][] = [];
  readonly #known = new Set<string>();
  readonly #added: string[] = [];
  #changing: Promise<void> = Promise.resolve();

  /** @param name Token; parts are kept as `name-0`, `name-1`, … */
  constructor(memory: SourceMemory, name: string) {
    this.#memory = memory;
    this.#name = name;
  }

  async load(): Promise<void> {
    this.#parts = [];
    this.#known.clear();
    const mine = (await this.#memory.names()).filter((each) =>
      each.startsWith(`${this.#name}-`) && /^\d+$/.test(each.slice(this.#name.length + 1))
    );
    for (let from = 0; from < mine.length; from += READS_AT_ONCE) {
      const count = Math.min(READS_AT_ONCE, mine.length - from);
      const texts = await Promise.all(
        Array.from({ length: count }, (_, i) => this.#memory.get(this.#partName(from + i))),
      );
      for (const text of texts) {
        const ids = text ? text.split("\n") : [];
        this.#parts.push(ids);
        for (const id of ids) this.#known.add(id);
      }
    }
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  /** Remembers an id in this process; `commit` makes it last. */
  add(id: string): void {
    if (this.#known.has(id)) return;
    this.#known.add(id);
    this.#added.push(id);
  }

  /** Writes what was added. */
  commit(): Promise<void> {
    return this.#inTurn(() => this.#write());
  }

  /** Forgets all ids but those in `listed`, so that the memory is as large as the bucket and not as its history. */
  retain(listed: ReadonlySet<string>): Promise<void> {
    return this.#inTurn(async () => {
      await this.#write();
      const kept = this.#parts.flat().filter((id) => listed.has(id));
      const gone = this.#parts.flat().filter((id) => !listed.has(id));
      if (gone.length === 0) return;
      await this.#replace(kept);
      for (const id of gone) this.#known.delete(id);
    });
  }

  /** Forgets everything. */
  clear(): Promise<void> {
    return this.#inTurn(async () => {
      this.#added.length = 0;
      this.#known.clear();
      await this.#replace([]);
    });
  }

  /** One change after the other, whoever asks. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    this.#changing = this.#changing.catch(() => {}).then(change);
    return this.#changing;
  }

  async #write(): Promise<void> {
    while (this.#added.length > 0) {
      const last = this.#parts.at(-1);
      const part = last === undefined || last.length >= IDS_PER_PART ? [] : last;
      const taken = this.#added.slice(0, IDS_PER_PART - part.length);
      const ids = [...part, ...taken];
      const index = part === last ? this.#parts.length - 1 : this.#parts.length;
      await this.#memory.put(this.#partName(index), ids.join("\n"));
      this.#parts[index] = ids;
      this.#added.splice(0, taken.length);
    }
  }

  /** Written over the old parts before what is too many is deleted: whenever this is broken off, nothing that is kept is missing. */
  async #replace(ids: string[]): Promise<void> {
    const parts: string[][] = [];
    for (let at = 0; at < ids.length; at += IDS_PER_PART) {
      parts.push(ids.slice(at, at + IDS_PER_PART));
    }
    for (const [index, part] of parts.entries()) {
      await this.#memory.put(this.#partName(index), part.join("\n"));
    }
    for (let index = this.#parts.length - 1; index >= parts.length; index--) {
      await this.#memory.delete(this.#partName(index));
    }
    this.#parts = parts;
  }

  #partName(index: number): string {
    return `${this.#name}-${index}`;
  }
}
