import type { Finding, FindingCode } from "../../base/errors.ts";
import { formatPath, type Path, type Places } from "./places.ts";

/** Collects all mistakes of one pipeline, each at its place in the document. */
export class Report {
  readonly places: Places;
  readonly #errors: Finding[] = [];
  readonly #warnings: Finding[] = [];
  readonly #reported = new Set<string>();
  readonly #lost = new Set<string>();

  constructor(places: Places) {
    this.places = places;
  }

  /** @param text `problem` or `problem; hint` */
  error(path: Path, text: string, part: "key" | "value" = "value"): void {
    this.#reported.add(JSON.stringify(path));
    this.#errors.push(this.#finding(path, text, part));
  }

  /** @param code Of a warning that a program looks for. */
  warning(
    path: Path,
    text: string,
    part: "key" | "value" = "value",
    code?: FindingCode,
  ): void {
    this.#warnings.push({
      ...this.#finding(path, text, part),
      ...(code !== undefined && { code }),
    });
  }

  /** A mistake outside the document: on the command line or in the environment. */
  add(finding: Finding): void {
    this.#errors.push(finding);
  }

  /** The value at this path was reported and taken out, with all in it. */
  lose(path: Path): void {
    this.#lost.add(JSON.stringify(path));
  }

  /** Whether the value is already reported, or lost with one around it: what follows from that is not worth a second line. */
  isBroken(path: Path): boolean {
    if (this.#reported.has(JSON.stringify(path))) return true;
    for (let length = path.length; length > 0; length--) {
      if (this.#lost.has(JSON.stringify(path.slice(0, length)))) return true;
    }
    return false;
  }

  get hasErrors(): boolean {
    return this.#errors.length > 0;
  }

  /** In the order of the file; what has no line comes last. */
  errors(): Finding[] {
    return this.#errors.toSorted(byPlace);
  }

  warnings(): Finding[] {
    return this.#warnings.toSorted(byPlace);
  }

  #finding(path: Path, text: string, part: "key" | "value"): Finding {
    const { file, line, column, shown } = this.places.of(path, part);
    const cut = text.indexOf("; ");
    return {
      file,
      ...(line !== undefined && { line, column }),
      ...(path.length > 0 && { path: shown ?? formatPath(path) }),
      problem: cut < 0 ? text : text.slice(0, cut),
      ...(cut >= 0 && { hint: text.slice(cut + 2) }),
    };
  }
}

function byPlace(one: Finding, other: Finding): number {
  return (one.line ?? Infinity) - (other.line ?? Infinity) ||
    (one.column ?? 0) - (other.column ?? 0) || 0;
}
