import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { EMBEDDED_QUEUE_BYTES, NATS_QUEUE_BYTES } from "../../src/app/brokers.ts";
import { FlowNames } from "../../src/broker/subjects.ts";
import { S3_SINK_CONCURRENCY } from "../../src/task_types/s3_sink.ts";
import { META_RULES } from "../../src/pipeline/checking/meta_rules.ts";
import type { TaskPlan } from "../../src/pipeline/plan/plan.ts";
import { queueOf } from "../../src/runtime/run/queues.ts";
import { deliveryMeta } from "../../src/pipeline/plan/delivery_meta.ts";
import { FILE_VARIABLES, VARIABLES } from "../../src/settings/settings.ts";
import { makeReference, REFERENCE_FILE } from "../../tools/reference.ts";
import { keyTable } from "../../tools/reference_tables.ts";
import { PAGE_TYPES, taskPageFile, withSettings } from "../../tools/task_pages.ts";
import { readSources } from "../../tools/sources.ts";
import { loadGood } from "../pipeline/support/load.ts";
import { base } from "../pipeline/support/pipeline_text.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const sources = await readSources(root);

/** A raw task that says nothing in its meta. */
async function plainTask(): Promise<TaskPlan> {
  return (await loadGood(base.text)).tasks.find((task) => task.type === "raw")!;
}

/** Every variable, and those that name a file with the value of one. */
const KNOWN = new Set([...Object.keys(VARIABLES), ...FILE_VARIABLES.map((name) => `${name}_FILE`)]);

describe("docs/reference.md", () => {
  it("is what `npm run reference` makes", async () => {
    assert.equal(
      await readFile(REFERENCE_FILE, "utf8"),
      await makeReference(),
      "run `npm run reference` and commit docs/reference.md",
    );
  });

  for (const type of PAGE_TYPES) {
    it(`shares the settings of ${type} with its page`, async () => {
      const page = await readFile(taskPageFile(type), "utf8");
      const problem = "run `npm run reference` and commit docs/tasks";
      assert.equal(page, withSettings(page, type), problem);
      assert.throws(() => withSettings("# A page\n", type), /lacks "<!-- settings of/);
    });
  }

  it("tells the meaning and the default of every meta key", () => {
    for (const [type, rules] of Object.entries(META_RULES)) {
      for (const [key, { meaning, fallback, wanted }] of Object.entries(rules)) {
        assert.ok(meaning.length > 10, `${type} ${key} has no meaning`);
        assert.ok(fallback !== "" && wanted !== "", `${type} ${key} has no default or type`);
      }
    }
  });

  it("tells the meaning of every key of the file", () => {
    for (const part of ["file", "task"] as const) {
      for (const row of keyTable(part).split("\n").slice(2)) {
        assert.match(row, /\| [^|]{5,} \|$/, row);
      }
    }
  });

  it("has every variable that the code reads", () => {
    const read = sources
      .filter(({ path }) => /^(src|adapters)\//.test(path))
      .flatMap(({ text }) => text.match(/\b(KFLOW|OTEL)_[A-Z_]*[A-Z]\b/g) ?? []);
    const known = [...KNOWN].filter((name) => !name.endsWith("_FILE") || read.includes(name));
    assert.deepEqual([...new Set(read)].sort(), known.sort());
  });

  it("has the runtime's defaults", async () => {
    const task = await plainTask();
    const streaming = deliveryMeta(task, { batch: false, concurrency: 1 });
    const batch = deliveryMeta(task, { batch: true, concurrency: 1 });
    const { raw, "s3-sink": sink } = META_RULES;
    assert.equal(raw["max.poll.interval.ms"]!.fallback, String(streaming.ackWaitMs));
    assert.equal(raw["max.in.flight"]!.fallback, String(streaming.maxInFlight));
    assert.equal(
      raw["max.attempts"]!.fallback,
      `${batch.maxAttempts} in a batch, ${streaming.maxAttempts} in streaming mode`,
    );
    assert.equal(raw["concurrency"]!.fallback, String(batch.concurrency));
    assert.equal(sink["concurrency"]!.fallback, String(S3_SINK_CONCURRENCY));
    const { duplicateWindowMs } = queueOf(task, new FlowNames("f"), 1);
    assert.match(raw["duplicate.window.ms"]!.fallback, new RegExp(` ${duplicateWindowMs} `));
  });

  it("has the queue sizes of the composition root", () => {
    const onServer = NATS_QUEUE_BYTES / 2 ** 20;
    const mib = EMBEDDED_QUEUE_BYTES / 2 ** 20;
    assert.equal(
      META_RULES.raw["stream.max.bytes"]!.fallback,
      `${onServer} MiB on a NATS server, ${mib} MiB embedded`,
    );
  });
});

describe("docs", () => {
  const folder = join(root, "docs");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  for (const name of names.filter((each) => each.endsWith(".md"))) {
    const text = readFileSync(join(folder, name), "utf8");

    it(`${name} names no variable that is not read`, () => {
      const named = text.match(/\b(KFLOW|OTEL)_[A-Z_]*[A-Z]\b/g) ?? [];
      assert.deepEqual(named.filter((variable) => !KNOWN.has(variable)), []);
    });
  }

  it("run/queues.md names no meta key that is not known", () => {
    const known = new Set(Object.values(META_RULES).flatMap((rules) => Object.keys(rules)));
    const page = readFileSync(join(folder, "run/queues.md"), "utf8");
    const settings = page.split("## Settings of a delivery")[1]!.split("## ")[0]!;
    const named = [...settings.matchAll(/`((?:[a-z]+\.)+[a-z]+)`/g)].map((match) => match[1]!);
    assert.ok(named.length >= 6);
    assert.deepEqual(named.filter((key) => !known.has(key)), []);
  });

  it("troubleshoot.md quotes only messages that the code has", () => {
    const own = sources.filter(({ path }) => /^(src|adapters)\//.test(path));
    const cells = readFileSync(join(folder, "troubleshoot.md"), "utf8")
      .split("## Nothing happens")[0]!
      .split("\n")
      .filter((line) => line.startsWith("| ") && !line.includes("the runtime prints this"))
      .map((line) => line.split(" | ")[0]!);
    const quoted = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)]).map(([, text]) =>
      text!
    );
    assert.ok(quoted.length > 40);
    const isIn = (text: string, message: string) =>
      message.split(/…|": |, /).every((part) => text.includes(part.trim().replace(/[:;,]$/, "")));
    const missing = quoted.filter((message) => !own.some(({ text }) => isIn(text, message)));
    assert.deepEqual(missing, []);
  });

  it("README.md of docs links to every page", () => {
    const index = readFileSync(join(folder, "README.md"), "utf8");
    const pages = names.filter((name) => name.endsWith(".md") && name !== "README.md");
    assert.deepEqual(pages.filter((name) => !index.includes(`](${name})`)), []);
  });

  it("README.md of the repository is short", () => {
    const lines = readFileSync(join(root, "README.md"), "utf8").trimEnd().split("\n").length;
    assert.ok(lines <= 80, `${lines} lines`);
  });
});
