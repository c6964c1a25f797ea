import type { TextOutput } from "../../../src/host.ts";

const CLEAR_BELOW = "\x1b[J";
// deno-lint-ignore no-control-regex
const COLORS = /\x1b\[\d*m/g;
/** While much is printed the lines come back this often at most. */
const REDRAW_MS = 50;

/**
 * Lines at the bottom of a terminal that are drawn again and again, while what others print goes by above them. Only what is printed by `through()` or
 * `above()` is known here. The cursor is not hidden: whoever kills the process would have to bring it back.
 */
export class LiveScreen {
  readonly #terminal: TextOutput;
  #lines: readonly string[] = [];
  /** Whether they stand there. */
  #isDrawn = false;
  #drawnAt = -Infinity;
  /** What others have printed ends within a line. */
  #isMidLine = false;

  constructor(terminal: TextOutput) {
    this.#terminal = terminal;
  }

  /** Puts these lines in the place of those that stand there. Each has to be shorter than the terminal is wide. */
  draw(lines: readonly string[]): void {
    // Not below half a line of somebody else's: it would be taken for a line of ours.
    if (this.#isMidLine) return;
    const text = this.#erasing() + lines.map((line) => line + "\n").join("");
    this.#lines = lines;
    this.#isDrawn = true;
    this.#drawnAt = performance.now();
    this.#terminal.write(text, { raw: true });
  }

  /** Takes the lines away for good. Safe to call twice. */
  end(): void {
    this.#hide();
    this.#lines = [];
  }

  /** Has something printed above the lines. */
  above(print: () => void): void {
    this.#hide();
    print();
    const isDue = this.#lines.length > 0 && performance.now() - this.#drawnAt > REDRAW_MS;
    if (isDue) this.draw(this.#lines);
  }

  /** An output whose text goes above the lines. */
  through(output: TextOutput): TextOutput {
    if (!output.isTerminal) return output;
    return {
      write: (text, options) => {
        if (text === "") return true;
        this.#isMidLine = !text.endsWith("\n");
        let isTaken = false;
        this.above(() => isTaken = output.write(text, options));
        return isTaken;
      },
      drained: () => output.drained(),
      isTerminal: true,
      get columns() {
        return output.columns;
      },
      get rows() {
        return output.rows;
      },
    };
  }

  #hide(): void {
    const text = this.#erasing();
    if (text !== "") this.#terminal.write(text, { raw: true });
  }

  /** What removes the lines. A terminal that was made narrower has broken those that are too long for it now. */
  #erasing(): string {
    if (!this.#isDrawn) return "";
    this.#isDrawn = false;
    const columns = Math.max(this.#terminal.columns, 1);
    const rows = this.#lines.reduce((sum, line) => {
      const width = line.replaceAll(COLORS, "").length;
      return sum + Math.max(1, Math.ceil(width / columns));
    }, 0);
    return rows === 0 ? "" : `\x1b[${rows}A\r${CLEAR_BELOW}`;
  }
}
