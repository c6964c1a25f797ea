import type { Download } from "../downloads/download.ts";
import type { Flight, FlightGroup } from "./flight.ts";
import type { Encoded } from "./outputs.ts";

/** Whoever works the inputs. */
export interface Releases {
  /** Publishes what a held input made; its flight lands once everything is confirmed. */
  release(flight: Flight, outputs: Encoded): void;
  /** The inputs of one request have all landed: the error is the first of theirs. */
  landed(group: readonly Flight[], error: Error | undefined): void;
}

interface Held {
  readonly flight: Flight;
  readonly outputs: Encoded;
}

/** Inputs that were released by one request: none is acknowledged before the outputs of all are confirmed. */
export class ReleasedGroup implements FlightGroup {
  #open: number;
  #error?: Error;

  constructor(
    readonly flights: readonly Flight[],
    readonly landed: Releases["landed"],
  ) {
    this.#open = flights.length;
  }

  land(flight: Flight): void {
    this.#error ??= flight.error;
    if (--this.#open === 0) this.landed(this.flights, this.#error);
  }
}

/**
 * Manual acknowledgement (product document, "Manual acknowledgement"): what a call returned is held, encoded, until the function asks for the acknowledgement of
 * everything held. Then all outputs are published, and when the last is confirmed all inputs are acknowledged.
 */
export class ManualAck {
  #releases?: Releases;
  #held = new Map<Flight, Encoded>();
  /** Files that the function has not given back, by path. */
  readonly #files = new Map<string, { readonly download: Download; settled: boolean }>();
  readonly #flushed = new Set<string>();

  /** Before the first call. */
  attach(releases: Releases): void {
    this.#releases = releases;
  }

  get held(): number {
    return this.#held.size;
  }

  flights(): Iterable<Flight> {
    return this.#held.keys();
  }

  /** The call has returned. False if it has asked for the acknowledgement. */
  hold(flight: Flight, outputs: Encoded): boolean {
    this.#held.set(flight, outputs);
    if (flight.download !== undefined) this.#keep(flight.download);
    if (flight.ackRequested) this.releaseAll();
    return !flight.ackRequested;
  }

  /** `requestAck()`: at the end of the input's call if it has not returned, else at once. */
  request(flight: Flight): void {
    if (flight.isOver) this.releaseAll();
    else flight.ackRequested = true;
  }

  releaseAll(): void {
    const held: Held[] = [...this.#held].map(([flight, outputs]) => ({ flight, outputs }));
    if (held.length === 0) return;
    this.#held = new Map();
    const releases = this.#releases!;
    const group = new ReleasedGroup(held.map(({ flight }) => flight), releases.landed);
    for (const { flight, outputs } of held) {
      flight.group = group;
      releases.release(flight, outputs);
    }
  }

  /** Gives up holding, for inputs that are handed back. */
  takeAll(): Flight[] {
    const flights = [...this.#held.keys()];
    this.#held = new Map();
    return flights;
  }

  #keep(download: Download): void {
    if (this.#files.has(download.path)) return;
    this.#files.set(download.path, { download, settled: false });
  }

  /** The input is acknowledged: its file goes if the function has given it back. Resolves when it is gone. */
  async settled({ path }: Download): Promise<void> {
    const file = this.#files.get(path);
    if (file !== undefined) file.settled = true;
    if (this.#flushed.has(path)) await this.#remove(path);
  }

  /** The input failed or is handed back: another attempt downloads again. */
  async abandoned(download: Download): Promise<void> {
    this.#keep(download);
    await this.#remove(download.path);
  }

  /**
   * `flush(...paths)`. Throws `RangeError` for a path that was not downloaded here, before anything is removed.
   * @param current Of the call that flushes.
   */
  async flush(paths: readonly string[], current?: Download): Promise<void> {
    if (current !== undefined && paths.includes(current.path)) this.#keep(current);
    for (const path of paths) {
      if (this.#files.has(path)) continue;
      throw new RangeError(
        `Cannot flush ${
          JSON.stringify(path)
        }: it is no file that this worker downloaded and still has`,
      );
    }
    for (const path of paths) {
      this.#flushed.add(path);
      if (this.#files.get(path)?.settled) await this.#remove(path);
    }
  }

  async #remove(path: string): Promise<void> {
    const file = this.#files.get(path);
    this.#files.delete(path);
    this.#flushed.delete(path);
    await file?.download.remove();
  }
}
