import { keyWithoutValue } from "./without_secrets.ts";

/** Steps from the top of the document to a value. */
export type Path = readonly (string | number)[];

/** Where a value was written. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  /** The path as the user wrote it, where that differs from the document's. */
  readonly shown?: string;
}

/** `dag[1].meta.max.poll.interval.ms` */
export function formatPath(path: Path): string {
  return path.map((step, index) => {
    if (typeof step === "number") return `[${step}]`;
    return `${index === 0 ? "" : "."}${keyWithoutValue(step)}`;
  }).join("");
}

interface Positions {
  readonly key: Place;
  readonly value: Place;
}

/** Remembers where each value of a document was written, through everything that is done to the document later. */
export class Places {
  readonly file: string;
  readonly #known = new Map<string, Positions>();

  constructor(file: string) {
    this.file = file;
  }

  set(path: Path, key: Place, value: Place = key): void {
    this.#known.set(JSON.stringify(path), { key, value });
  }

  /** The place of the value, or of its key; of the nearest enclosing value where nothing is written. */
  of(path: Path, part: "key" | "value" = "value"): Place {
    const exact = this.#known.get(JSON.stringify(path));
    if (exact) return exact[part];
    for (let length = path.length - 1; length >= 0; length--) {
      const outer = this.#known.get(JSON.stringify(path.slice(0, length)));
      if (outer) return outer.value.shown === undefined ? outer.value : { file: outer.value.file };
    }
    return { file: this.file };
  }
}
