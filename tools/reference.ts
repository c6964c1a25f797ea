import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { S3_LIST_SCHEMA } from "../src/pipeline/checking/record_schema.ts";
import { addressTable, expansionTable, helpOf } from "./reference_probes.ts";
import {
  code,
  keyTable,
  metaTable,
  table,
  taskTypeTable,
  variableTable,
} from "./reference_tables.ts";
import { PAGE_TYPES, taskPageFile, withSettings } from "./task_pages.ts";
import { FILE_VARIABLES } from "../src/settings/settings.ts";

export const REFERENCE_FILE = fileURLToPath(new URL("../docs/reference.md", import.meta.url));

const COMMANDS = ["run", "worker", "serve", "validate", "graph", "version"];

/** The text of docs/reference.md, from what the code accepts. */
export async function makeReference(): Promise<string> {
  const helps = [await helpOf()];
  for (const command of COMMANDS) helps.push(await helpOf(command));
  return `<!-- Made by \`npm run reference\` from what the code accepts. Change the code, not this file. -->

# Reference

How things work together is in the [documents](README.md).

1. [Command line](#command-line)
2. [The file](#the-file)
3. [A task](#a-task)
4. [Task types](#task-types)
5. [Meta keys](#meta-keys)
6. [Environment](#environment)
7. [What wins](#what-wins)
8. [Addresses](#addresses)
9. [Variables in the file](#variables-in-the-file)

## Command line

\`kflow\` stands for \`deno run -A mod.ts\` or \`bun mod.ts\`.

${helps.map((help) => "```text\n" + help + "\n```").join("\n\n")}

\`--set\` and \`--module\` may be given several times.

- \`--set PATH=VALUE\`: PATH is \`mode\`, \`globalConfig.store.addr\`, \`dag.ID.addr\`, \`dag.ID.meta.max.attempts\`, … VALUE is text where the file wants text,
  a list with commas between where it wants a list, elsewhere \`true\`, \`false\`, a number or text. \`\${…}\` is not expanded in it. A mapping cannot be set as a whole,
  and nothing in \`sideOuts\`.
- \`--module TASK=PATH\`: code for a \`raw\` task; PATH starts at the current folder.
- \`worker\` needs a NATS server that the other workers use too.

| exit status | means |
| --- | --- |
| 0 | done; a batch run that was finished before; a streaming pipeline that SIGINT or SIGTERM stopped within the grace |
| 1 | something outside failed (a server, a bucket, credentials), or a task of the pipeline |
| 2 | the file, the command line, the environment or a module is wrong |
| 3 | the run has dead letters, also those of other workers and of an earlier start of the same run; in streaming mode those of this process |
| 130, 143 | SIGINT or SIGTERM stopped a batch before its end, came a second time, or the grace was over: what is left is delivered again |

Mistakes are reported all at once on standard error. Those of the file are \`file:line:column path: problem; hint\`, with a hint where there is one; those of
\`--set\`, \`--module\` and the environment name the option or the variable instead. Warnings begin with \`warning:\` and do not stop anything.
The report by task, drawings and printed records go to standard output, logs to standard error.

## The file

YAML with one document, at most 1 MiB and 1,000 tasks. Tags other than YAML's own, and merge keys, are not supported; unknown keys are mistakes.

${keyTable("file")}

## A task

${keyTable("task")}

## Task types

${taskTypeTable()}

A source has no inputs, a sink no \`out\`. \`raw\` takes the records of every task that has it in \`out\`. A task with \`autoDownload\` needs the string fields
\`bucket\` and \`key\` in what arrives, a template the fields that it names: as far as the file gives schemas, that is checked.

\`fs-source\` emits the record \`${S3_LIST_SCHEMA.namespace}.${S3_LIST_SCHEMA.name}\`; a \`schema\` of its own must have these fields, and others only with a default:

${listFieldTable()}

## Meta keys

Values are what YAML says they are: \`"5"\` is not a number. Unknown keys are warned about, except for \`raw\` and \`raw-source\`, where they are the function's own.

${metaTable()}

## Environment

A variable that is empty counts as unset.

${variableTable()}

${
    FILE_VARIABLES.map((name) => `\`${name}\``).join(", ").replace(/, ([^,]*)$/, " and $1")
  } may be given by a file instead: its path is in the variable with \`_FILE\` at its end, such as
\`KFLOW_STORE_PASSWORD_FILE=/run/secrets/store\`. A line break at the file's end does not count. A file that is missing or empty is a mistake,
and so is a variable that is given in both ways.

## What wins

For each value the first of these that has it:

- flow id: \`--set name=…\`, \`KFLOW_FLOW_ID\`, \`name\`, the file's name without its extension
- run id: \`--run\`, \`KFLOW_RUN_ID\`, then a new one for \`run\` and \`default\` for \`worker\`
- code of a \`raw\` task: \`--module\`, \`module\`
- anything else in the file: \`--set\`, the file
- store of a task, each of \`addr\`, \`user\` and \`password\` by itself: the task, its \`globalConfig.store\`, the \`globalConfig.store\` of the pipeline,
  \`KFLOW_STORE_ADDR\`, \`KFLOW_STORE_USER\`, \`KFLOW_STORE_PASSWORD\`; for \`raw\` then the store of the \`fs-source\` that its records come from. In one place
  credentials in \`addr\` win over \`user\` and \`password\`
- NATS server: \`globalConfig.nats\`, \`KFLOW_NATS_ADDR\`, the embedded broker
- other \`globalConfig\`: the task's, the pipeline's, field by field
- \`KFLOW_LONG_RUNNING_PROCESSING\`, \`KFLOW_SKIP_DOWNLOAD_ERROR\` and \`KFLOW_CREATE_SIDESTREAM\` of a task: its \`env\`, the environment

## Addresses

A relative \`file:\` address starts at the pipeline file's folder, here \`FOLDER\`.

${addressTable()}

## Variables in the file

\`\${…}\` is expanded in every string value of the file, after YAML was read, never in keys or comments. What is put in stays text and is not expanded again: a key that wants a number
or a boolean takes it from the command line, as in \`--set dag.ID.meta.concurrency=4\`. Files are named
from the pipeline file's folder; a line break at their end is left out. Where HOST is \`minio\`, EMPTY is empty and nothing else is set:

${await expansionTable()}
`;
}

const LIST_FIELDS: Readonly<Record<string, string>> = {
  url: "`s3a://bucket/key`",
  lastModifiedUnixMilli: "when the object was changed last, ms since 1970",
  bucket: "name of the bucket",
  key: "key of the object",
};

function listFieldTable(): string {
  return table(
    ["field", "type", "is"],
    S3_LIST_SCHEMA.fields.map(({ name, type }) => [code(name), type, LIST_FIELDS[name] ?? ""]),
  );
}

async function main(): Promise<void> {
  await update(REFERENCE_FILE, makeReference);
  for (const type of PAGE_TYPES) {
    await update(taskPageFile(type), (before) => withSettings(before, type));
  }
}

async function update(
  file: string,
  make: (before: string) => string | Promise<string>,
): Promise<void> {
  const before = await readFile(file, "utf8").catch(() => "");
  const text = await make(before);
  if (text !== before) await writeFile(file, text);
  const name = file.slice(file.lastIndexOf("docs/"));
  console.log(`${name} is ${text === before ? "up to date" : "written"}`);
}

if (import.meta.main) await main();
