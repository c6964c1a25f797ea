import { RevisionConflict, type StateEntry, type StateStore } from "./state.ts";

/** Where the whole store is kept between processes, as one text. */
export interface StateFile {
  load(): Promise<string | undefined>;
  save(text: string): Promise<void>;
}

/**
 * State in memory, and in a file if one is given: the file is read at the first call, and written again after each change before
 * that change's promise resolves. Changes that come together are written together. One process at a time.
 */
export class MemoryState implements StateStore {
  readonly #file?: StateFile;
  readonly #watchers = new Set<{ prefix: string; changed: () => void }>();
  #entries = new Map<string, StateEntry>();
  #loading?: Promise<void>;
  #saving: Promise<void> = Promise.resolve();
  #queued?: Promise<void>;
  #revision = 0;

  constructor(file?: StateFile) {
    this.#file = file;
  }

  async get(key: string): Promise<StateEntry | undefined> {
    await this.#load();
    return this.#entries.get(key);
  }

  async put(key: string, value: string, options: { revision?: number } = {}): Promise<number> {
    await this.#load();
    const found = this.#entries.get(key)?.revision ?? 0;
    if (options.revision !== undefined && options.revision !== found) {
      throw new RevisionConflict(key);
    }
    const revision = ++this.#revision;
    this.#entries.set(key, { value, revision });
    await this.#changed(key);
    return revision;
  }

  async delete(key: string): Promise<void> {
    await this.#load();
    if (this.#entries.delete(key)) await this.#changed(key);
  }

  async keys(prefix: string): Promise<string[]> {
    await this.#load();
    return [...this.#entries.keys()].filter((key) => isUnder(key, prefix)).sort();
  }

  watch(prefix: string, changed: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const watcher = { prefix, changed };
    this.#watchers.add(watcher);
    signal.addEventListener("abort", () => this.#watchers.delete(watcher), { once: true });
  }

  #load(): Promise<void> {
    return this.#loading ??= this.#read();
  }

  async #read(): Promise<void> {
    const text = await this.#file?.load();
    if (text === undefined) return;
    const entries: unknown = JSON.parse(text);
    if (typeof entries !== "object" || entries === null) throw new SyntaxError("not an object");
    this.#entries = new Map(
      Object.entries(entries).map(([key, value]) => [
        key,
        { value: String(value), revision: ++this.#revision },
      ]),
    );
  }

  async #changed(key: string): Promise<void> {
    for (const watcher of this.#watchers) {
      if (isUnder(key, watcher.prefix)) watcher.changed();
    }
    if (this.#file === undefined) return;
    const file = this.#file;
    // All that changes until the running save ends goes into one next save.
    this.#queued ??= this.#saving.catch(() => {}).then(() => {
      this.#queued = undefined;
      const values = [...this.#entries].map(([name, entry]) => [name, entry.value]);
      this.#saving = file.save(JSON.stringify(Object.fromEntries(values)));
      return this.#saving;
    });
    await this.#queued;
  }
}

function isUnder(key: string, prefix: string): boolean {
  return key === prefix || key.startsWith(prefix + ".");
}
