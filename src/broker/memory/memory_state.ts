import type { StateFile } from "./state_file.ts";
import { RevisionConflict, type StateEntry, type StateStore } from "../state_store.ts";

/** Changes that are kept beside the whole, characters, unless the whole is larger: then as many as that. */
const MIN_CHANGES = 1 << 20;

/**
 * State in memory, and in a file if one is given: the file is read at the first call, and each change is appended to it before that change's promise resolves, so that
 * a change costs what it changes and not what there is. Changes that come together are written together. One process at a time.
 */
export class MemoryState implements StateStore {
  readonly #file?: StateFile;
  readonly #watchers = new Set<{ prefix: string; changed: () => void }>();
  #entries = new Map<string, StateEntry>();
  #loading?: Promise<void>;
  #writing: Promise<void> = Promise.resolve();
  #queued?: Promise<void> | undefined;
  /** Keys that have changed and are not written. */
  #changed = new Set<string>();
  /** Characters of the whole as last written, and of the changes since. */
  #written = { whole: 0, changes: 0 };
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
    await this.#note(key);
    return revision;
  }

  async delete(key: string): Promise<void> {
    await this.#load();
    if (this.#entries.delete(key)) await this.#note(key);
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
    if (this.#file === undefined) return;
    const text = await this.#file.load() ?? "{}";
    const changes = await this.#file.loadChanges();
    const entries: unknown = JSON.parse(text);
    if (typeof entries !== "object" || entries === null) throw new SyntaxError("not an object");
    const values = new Map(Object.entries(entries).map(([key, value]) => [key, String(value)]));
    for (const line of changes.split("\n").slice(0, -1)) {
      const [key, value] = JSON.parse(line) as [string, string?];
      if (value === undefined) values.delete(key);
      else values.set(key, value);
    }
    for (const [key, value] of values) {
      this.#entries.set(key, { value, revision: ++this.#revision });
    }
    // A line that a killed process left unfinished must not run into the next.
    const isWhole = changes === "" || changes.endsWith("\n");
    this.#written = { whole: text.length, changes: isWhole ? changes.length : Infinity };
  }

  async #note(key: string): Promise<void> {
    for (const watcher of this.#watchers) {
      if (isUnder(key, watcher.prefix)) watcher.changed();
    }
    if (this.#file === undefined) return;
    const file = this.#file;
    this.#changed.add(key);
    // All that changes until the running write ends goes into one next write.
    this.#queued ??= this.#writing.catch(() => {}).then(() => {
      this.#queued = undefined;
      this.#writing = this.#write(file);
      return this.#writing;
    });
    await this.#queued;
  }

  async #write(file: StateFile): Promise<void> {
    const changed = this.#changed;
    this.#changed = new Set();
    const lines = [...changed].map((key) => {
      const entry = this.#entries.get(key);
      return JSON.stringify(entry === undefined ? [key] : [key, entry.value]) + "\n";
    });
    const text = lines.join("");
    try {
      if (this.#written.changes + text.length > Math.max(MIN_CHANGES, this.#written.whole)) {
        await this.#writeWhole(file);
      } else {
        this.#written.changes += text.length;
        await file.append(text);
      }
    } catch (error) {
      // A part of it may be there: the whole is written the next time, with these.
      this.#written.changes = Infinity;
      for (const key of changed) this.#changed.add(key);
      throw error;
    }
  }

  async #writeWhole(file: StateFile): Promise<void> {
    const values = [...this.#entries].map(([name, entry]) => [name, entry.value]);
    const whole = JSON.stringify(Object.fromEntries(values));
    await file.save(whole);
    this.#written = { whole: whole.length, changes: 0 };
  }
}

function isUnder(key: string, prefix: string): boolean {
  return key === prefix || key.startsWith(prefix + ".");
}
