import type { StateEntry } from "../../broker/state_store.ts";
import { MemoryState } from "../../broker/memory/memory_state.ts";

interface HeldValue {
  readonly value: string;
  calls: number;
}

/** The state of a called task's workers. Beside what they put it has the schemas of the calls that they work on, for no longer than these last. */
export class CallState extends MemoryState {
  readonly #held = new Map<string, HeldValue>();

  /** Has the value under the key until the returned function is called. */
  hold(key: string, value: string): () => void {
    const held = this.#held.get(key) ?? { value, calls: 0 };
    this.#held.set(key, held);
    held.calls++;
    return () => {
      if (--held.calls === 0) this.#held.delete(key);
    };
  }

  override get(key: string): Promise<StateEntry | undefined> {
    const held = this.#held.get(key);
    return held === undefined
      ? super.get(key)
      : Promise.resolve({ value: held.value, revision: 0 });
  }
}
