import type { StateFile } from "../../../src/broker/memory/state_file.ts";

/** A state file that lives as long as the test: what the next embedded broker finds. */
export class StateFileOfTest implements StateFile {
  text: string | undefined;
  changes = "";
  /** Characters written so far. */
  written = 0;

  load(): Promise<string | undefined> {
    return Promise.resolve(this.text);
  }

  loadChanges(): Promise<string> {
    return Promise.resolve(this.changes);
  }

  save(text: string): Promise<void> {
    this.written += text.length;
    this.text = text;
    this.changes = "";
    return Promise.resolve();
  }

  append(changes: string): Promise<void> {
    this.written += changes.length;
    this.changes += changes;
    return Promise.resolve();
  }
}
