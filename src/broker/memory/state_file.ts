/** Where the store is kept between processes: as one text, and as lines of what has changed since. */
export interface StateFile {
  load(): Promise<string | undefined>;
  /** What was appended since the last `save`; "" if nothing was. */
  loadChanges(): Promise<string>;
  /** Replaces the whole and forgets the changes, in this order: changes may be applied twice. */
  save(text: string): Promise<void>;
  append(changes: string): Promise<void>;
}
