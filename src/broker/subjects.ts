const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether text may stand as flow id, task id, side out id or group id. The one rule for all names that reach a broker (DESIGN.md 5). */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Task id that no pipeline may use: its stream is where dead letters go. */
export const DEAD = "dead";

/** Makes every stream name and subject of one flow. Throws `RangeError` for anything that is not a token. */
export class FlowNames {
  readonly #flow: string;

  constructor(flow: string) {
    this.#flow = token(flow);
  }

  /**
   * Stream with the input queue of a task. A task id with a hyphen stands behind a tilde: otherwise task `b-c` of flow `a` and task `c` of flow `a-b` would share
   * a stream.
   */
  stream(task: string): string {
    const separator = token(task).includes("-") ? "~" : "-";
    return `kflow-${this.#flow}${separator}${task}`;
  }

  /** All subjects of a task's input queue. */
  subjects(task: string): string {
    return `kflow.${this.#flow}.${token(task)}.>`;
  }

  /** All subjects of the flow. */
  get allSubjects(): string {
    return `kflow.${this.#flow}.>`;
  }

  /** The task whose input queue has a subject of this flow; undefined for any other subject. */
  taskOf(subject: string): string | undefined {
    const [kflow, flow, task] = subject.split(".");
    return kflow === "kflow" && flow === this.#flow ? task : undefined;
  }

  /** Subject of one edge. The tilde keeps a side out apart from any task id. */
  edge(consumer: string, producer: string, sideOut?: string): string {
    const from = sideOut === undefined ? token(producer) : `${token(producer)}~${token(sideOut)}`;
    return `kflow.${this.#flow}.${token(consumer)}.${from}`;
  }

  /** Stream of the flow's dead letters. */
  get deadStream(): string {
    return `kflow-${this.#flow}-${DEAD}`;
  }

  get deadSubjects(): string {
    return `kflow.${this.#flow}.${DEAD}.>`;
  }

  /** Subject of the dead letters of one task. */
  dead(task: string): string {
    return `kflow.${this.#flow}.${DEAD}.${token(task)}`;
  }

  /** State key; every part is a token. */
  state(
    kind: "finished" | "checkpoint" | "schema" | "dead" | "begun" | "pipeline",
    ...parts: string[]
  ): string {
    return [kind, ...(kind === "schema" ? [] : [this.#flow]), ...parts].map(token).join(".");
  }
}

function token(text: string): string {
  if (!TOKEN.test(text)) {
    throw new RangeError(
      `Cannot use ${
        JSON.stringify(text)
      } as a name: 1 to 64 letters, digits, "_" and "-" are allowed`,
    );
  }
  return text;
}
