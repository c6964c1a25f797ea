/** A pipeline that is right: lines 2-6 list, lines 7-9 work. */
const BASE = `dag:
  - id: list
    type: fs-source
    addr: localhost:9000
    topics: s3a://docs
    out: [work]
  - id: work
    type: raw
    image: work:1
`;

/** Makes variants of a pipeline that differ in one place. */
export class PipelineText {
  constructor(readonly text: string) {}

  /** With one text in it exchanged. */
  but(from: string, to: string): PipelineText {
    if (!this.text.includes(from)) throw new Error(`no ${JSON.stringify(from)} in the pipeline`);
    return new PipelineText(this.text.replace(from, () => to));
  }

  /** With lines at the end: keys of the task that is last there, or more tasks. */
  plus(lines: string): PipelineText {
    return new PipelineText(this.text + lines);
  }

  /** With lines before `dag`. */
  under(lines: string): PipelineText {
    return new PipelineText(lines + this.text);
  }
}

export const base = new PipelineText(BASE);

/** With a sink `s3` that takes what is listed, and lines that belong to it. */
export function withSink(lines: string): PipelineText {
  return base.but("[work]", "[work, s3]").plus(
    `  - id: s3\n    type: s3-sink\n    addr: localhost:9000\n    topics: s3a://results\n${lines}`,
  );
}

/** A schema without the fields that an fs-source emits, as a YAML value. */
export const AB =
  `'{"type":"record","name":"ab","fields":[{"name":"a","type":"string"},{"name":"bucket","type":"long"}]}'`;
