import type { TextOutput } from "../../../src/host.ts";

/** What a terminal shows: it breaks long lines, and breaks them anew when its width changes. Knows what `LiveScreen` sends. */
export class Terminal implements TextOutput {
  readonly isTerminal = true;
  /** Lines as they were written, before they are broken. */
  #lines = [""];
  /** The line that the cursor is in. */
  #at = 0;
  /** Everything that was sent. */
  sent = "";

  constructor(public columns: number, public rows = 24) {}

  write(text: string): boolean {
    this.#show(text);
    return true;
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  #show(text: string): void {
    this.sent += text;
    // deno-lint-ignore no-control-regex
    for (const [piece, csi, count] of text.matchAll(/\x1b\[((\d*)[A-Za-z])|[^\x1b]/g)) {
      if (csi?.endsWith("A")) this.#up(Number(count || 1));
      else if (csi === "J") this.#lines = [...this.#lines.slice(0, this.#at), ""];
      else if (csi?.endsWith("m") || piece === "\r") continue;
      else if (csi !== undefined) throw new Error(`The test knows no ${JSON.stringify(piece)}`);
      else if (piece === "\n") this.#lines[++this.#at] ??= "";
      else this.#lines[this.#at] += piece;
    }
  }

  /** The lines on the screen, without those that are empty. */
  get shown(): string[] {
    return this.#lines.filter((line) => line !== "");
  }

  /** Goes up by rows on the screen, to the beginning of a line. */
  #up(rows: number): void {
    for (let left = rows; left > 0;) {
      const line = this.#lines[--this.#at];
      if (line === undefined) throw new Error("The cursor has left the screen");
      left -= Math.max(1, Math.ceil(line.length / this.columns));
      if (left < 0) throw new Error(`The cursor is in the middle of ${JSON.stringify(line)}`);
    }
  }
}
