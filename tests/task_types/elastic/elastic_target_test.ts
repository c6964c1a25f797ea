import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { elasticSink } from "../../../src/task_types/elastic/sink.ts";
import { type ItemStatus, startFakeElastic } from "../../support/servers/elastic_probes.ts";
import { planOf, runFlow } from "../../support/in_process/flow.ts";

const UNKNOWN = { status: 400, error: { type: "new_exception", reason: "not today" } };

const OF_TARGET: Record<string, ItemStatus> = {
  "the limit of shards, in Elasticsearch": {
    status: 400,
    error: { type: "validation_exception", reason: "this action would add [2] shards" },
  },
  "the limit of shards, in OpenSearch": {
    status: 400,
    error: {
      type: "illegal_argument_exception",
      reason: "this cluster currently has [1000]/[1000] maximum shards open",
    },
  },
  "an alias without a write index": {
    status: 400,
    error: {
      type: "illegal_argument_exception",
      reason: "no write index is defined for alias [a]",
    },
  },
  "an operation that a data stream does not take": {
    status: 400,
    error: {
      type: "illegal_argument_exception",
      reason: "only write ops with an op_type of create are allowed in data streams",
    },
  },
  "a disk that is full to the flood stage": {
    status: 429,
    error: {
      type: "cluster_block_exception",
      reason: "index [tests] blocked by: disk usage exceeded flood-stage watermark",
    },
  },
  "a data stream whose field of time the schema does not have": {
    status: 400,
    error: {
      type: "mapper_parsing_exception",
      reason: "failed to parse",
      caused_by: {
        type: "illegal_argument_exception",
        reason: "documents must contain a single-valued timestamp field '@timestamp' of date type",
      },
    },
  },
  "a name that no index can have": {
    status: 400,
    error: { type: "invalid_index_name_exception", reason: "must be lowercase" },
  },
};

/**
 * Runs three records into a sink whose server answers the first request like this, and others well.
 * @param refused The record that is refused; absent: all.
 */
async function sink(answer: ItemStatus, options: { bulk: boolean; refused?: number }) {
  const server = await startFakeElastic(({ documents, number }) =>
    number > 0
      ? undefined
      : documents.map(({ source }) =>
        options.refused === undefined || options.refused === source.n ? answer : 201
      )
  );
  try {
    const bulk = options.bulk
      ? ", bulk.enabled: true, bulk.flush.timer: 20000, bulk.flush.size: 3"
      : "";
    const yaml = `
name: target
mode: batch
dag:
  - id: make
    type: raw-source
    module: ./make.ts
    out: [index]
    schema: '{"type":"record","name":"row","fields":[{"name":"n","type":"long"}]}'
  - {id: index, type: elastic-sink, addr: "${server.endpoint}", topics: tests, meta: {max.attempts: 1${bulk}}}
`;
    const { tasks } = await planOf(yaml);
    const process = elasticSink(tasks[1]!, { pauseMs: 5, patienceMs: 1, backoffMs: 5 });
    const { task, logged } = await runFlow({
      yaml,
      functions: { make: [{ n: 0 }, { n: 1 }, { n: 2 }] },
      tasks: { index: { kind: "process", process, concurrency: 1 } },
      deadLetters: { place: "nowhere", put: () => Promise.resolve() },
    });
    const { acked, errors, dead } = task("index").counts;
    const stored = server.stored.size;
    const said = logged.filter(({ message }) => /trying again/.test(String(message)));
    return { counts: { acked, errors, dead, stored }, said };
  } finally {
    await server.stop();
  }
}

const ALL = { acked: 3, errors: 0, dead: 0, stored: 3 };

describe("elastic-sink, whose index or cluster cannot take documents", () => {
  for (const [what, answer] of Object.entries(OF_TARGET)) {
    for (const bulk of [false, true]) {
      const how = bulk ? "in a bulk" : "one by one";
      it(`holds the records ${how} without an attempt: ${what}`, async () => {
        const { counts, said } = await sink(answer, { bulk });
        assert.deepEqual(counts, ALL);
        assert.match(
          String(said[0]!.reason),
          new RegExp(`: ${(answer as { status: number }).status} \\(`),
        );
      });
    }
  }

  it(
    "holds the records of a bulk whose documents all get the same unknown refusal",
    async () => {
      assert.deepEqual((await sink(UNKNOWN, { bulk: true })).counts, ALL);
    },
  );

  it(
    "makes a dead letter of one document of a bulk that gets an unknown refusal",
    async () => {
      const { counts } = await sink(UNKNOWN, { bulk: true, refused: 1 });
      assert.deepEqual(counts, { acked: 3, errors: 1, dead: 1, stored: 2 });
    },
  );
});
