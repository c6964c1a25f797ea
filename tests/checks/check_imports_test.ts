import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { checkImports } from "../../tools/check_imports.ts";
import { importsOf, toSource } from "../../tools/sources.ts";

/** What is said of a file with this one import. */
function verdict(path: string, specifier: string): string {
  return checkImports([toSource(path, `import { x } from "${specifier}";\n`)]).join("\n");
}

const ALLOWED: readonly [path: string, specifier: string][] = [
  ["src/base/log.ts", "./secret.ts"],
  ["src/broker/memory/memory_broker.ts", "../broker.ts"],
  ["src/broker/nats/nats_broker.ts", "../../base/errors.ts"],
  ["src/store/directory.ts", "../files/files.ts"],
  ["src/host.ts", "./files/files.ts"],
  ["src/runtime/worker/worker_loop.ts", "../../broker/broker.ts"],
  ["src/runtime/worker/worker_loop.ts", "../calls/step.ts"],
  ["src/runtime/worker/worker_loop.ts", "./slots.ts"],
  ["src/broker/nats/admin/stream.ts", "../wire/link.ts"],
  ["src/handler/handler.ts", "./routes/post_task.ts"],
  ["adapters/shared/cli/run_commands.ts", "../terminal/report.ts"],
  ["src/task_types/raw.ts", "../api/context.ts"],
  ["src/app/app.ts", "../broker/nats/nats_broker.ts"],
  ["mod.ts", "./src/app/app.ts"],
  ["src/test_kit/kit.ts", "../broker/memory/memory_broker.ts"],
  ["mod.ts", "./adapters/deno/main.ts"],
  ["adapters/deno/main.ts", "../../mod.ts"],
  ["adapters/bun/main.ts", "../shared/node/node_files.ts"],
  ["adapters/shared/node/node_files.ts", "../../../src/files/files.ts"],
  ["adapters/shared/node/nats_tcp.ts", "nats"],
  ["adapters/bun/main.ts", "node:fs"],
  ["src/broker/nats/wire/client.ts", "nats.ws"],
  ["src/codec/avro/avro_codec.ts", "node:buffer"],
  ["src/pipeline/reading/schema.ts", "zod"],
  ["tests/broker/nats_test.ts", "nats.ws"],
  ["tests/runtime/worker/task_test.ts", "../../src/broker/memory/memory_broker.ts"],
  ["examples/quickstart/describe.ts", "kflow"],
  ["bench/bench.ts", "../tests/support/servers/nats_server.ts"],
];

const REFUSED: readonly [path: string, specifier: string, says: RegExp][] = [
  ["src/base/errors.ts", "../broker/broker.ts", /imports go down only/],
  ["src/broker/broker.ts", "../store/store.ts", /do not know each other/],
  ["src/store/s3/s3_store.ts", "../../files/files.ts", /do not know each other/],
  ["src/store/directory.ts", "../files/memory.ts", /do not know each other/],
  ["src/task_types/raw.ts", "../http/http_app.ts", /do not know each other/],
  ["src/runtime/worker/worker_loop.ts", "../../task_types/print.ts", /imports go down only/],
  ["src/runtime/worker/worker_loop.ts", "../../app/app.ts", /imports go down only/],
  ["src/runtime/calls/step.ts", "../run/run_options.ts", /imports go down only/],
  ["src/runtime/progress/stall_watch.ts", "../downloads/download.ts", /do not know each other/],
  ["src/broker/nats/wire/link.ts", "../nats_broker.ts", /imports go down only/],
  ["src/broker/memory/memory_broker.ts", "../nats/wire/link.ts", /do not know each other/],
  ["src/broker/broker.ts", "./memory/memory_broker.ts", /imports go down only/],
  ["src/pipeline/reading/schema.ts", "../plan/plan.ts", /imports go down only/],
  ["src/codec/bytes/taps.ts", "../avro/avro_codec.ts", /imports go down only/],
  ["src/handler/call/call_job.ts", "../handler_service.ts", /imports go down only/],
  ["src/task_types/elastic/sink.ts", "../fs_source/fs_source.ts", /do not know each other/],
  ["adapters/shared/terminal/report.ts", "../cli/exit_status.ts", /imports go down only/],
  ["adapters/shared/cli/serve.ts", "../other/x.ts", /in no room/],
  ["tests/support/servers/nats_server.ts", "../commands/command.ts", /imports go down only/],
  ["src/app/app.ts", "../../mod.ts", /imports go down only/],
  ["src/app/app.ts", "../../adapters/shared/node/nats_tcp.ts", /imports go down only/],
  ["src/runtime/worker/worker_loop.ts", "kflow", /imports go down only/],
  [
    "src/runtime/run/runner.ts",
    "../../broker/memory/memory_broker.ts",
    /only src\/app\/, src\/handler\/ and src\/test_kit\/ choose one/,
  ],
  [
    "src/task_types/s3_sink.ts",
    "../store/s3/s3_store.ts",
    /only src\/app\/, src\/handler\/ and src\/test_kit\/ choose one/,
  ],
  ["bench/bench.ts", "../tests/broker/nats_test.ts", /imports go down only/],
  ["adapters/bun/main.ts", "bun", /no door/],
  ["mod.ts", "./bench/bench.ts", /imports go down only/],
  ["adapters/deno/main.ts", "../bun/main.ts", /do not know each other/],
  ["adapters/deno/main.ts", "../../src/app/app.ts", /instead of mod\.ts or adapters\/shared\//],
  ["adapters/shared/node/node_files.ts", "../../deno/main.ts", /imports go down only/],
  ["examples/quickstart/describe.ts", "../../src/app/app.ts", /what users write/],
  ["src/broker/broker.ts", "../../other/x.ts", /in no layer/],
  ["src/runtime/worker/worker_loop.ts", "nats.ws", /past its door/],
  ["src/pipeline/plan/meta.ts", "yaml", /past its door/],
  ["src/store/store.ts", "zod", /no place here/],
  ["src/base/log.ts", "node:fs", /src\/host\.ts/],
  ["src/base/log.ts", "left-pad", /no door/],
  ["adapters/deno/main.ts", "npm:left-pad@1.0.0", /no door/],
];

describe("checkImports", () => {
  for (const [path, specifier] of ALLOWED) {
    it(`lets ${path} import "${specifier}"`, () => assert.equal(verdict(path, specifier), ""));
  }

  for (const [path, specifier, says] of REFUSED) {
    it(`judges ${path} importing "${specifier}"`, () =>
      assert.match(verdict(path, specifier), says));
  }

  it("lets only one file be a dependency's door, though several could", () => {
    const door = `import { AwsClient } from "aws4fetch";\n`;
    const problems = checkImports([
      toSource("src/store/s3/request.ts", door),
      toSource("src/store/s3/sign.ts", door),
    ]);
    assert.deepEqual(problems, [
      'src/store/s3/sign.ts:1: imports "aws4fetch", whose door is already src/store/s3/request.ts',
    ]);
  });

  it("finds files of one room that import each other in a circle, types included", () => {
    const circle = (...paths: string[]) =>
      checkImports(paths.map((path, i) => {
        const next = paths[(i + 1) % paths.length]!.split("/").at(-1);
        return toSource(path, `import type { X } from "./${next}";\n`);
      }));
    const [a, b, c] = ["a", "b", "c"].map((name) => `src/runtime/worker/${name}.ts`);
    assert.deepEqual(circle(a!, b!, c!), [`${a}: is in a circle: ${a} → ${b} → ${c} → ${a}`]);
    assert.deepEqual(circle("tools/a.ts", "tools/b.ts"), []);
  });

  it("refuses a word that a folder may not say, comments aside", () => {
    assert.deepEqual(
      checkImports([toSource("src/runtime/worker/worker_loop.ts", "// as on NATS\n")]),
      [],
    );
    assert.match(
      checkImports([toSource("src/runtime/worker/worker_loop.ts", `export const X = "nats";\n`)])
        .join(),
      /says "nats": the runtime knows the broker port only/,
    );
  });
});

describe("importsOf", () => {
  it("finds every way of importing, with its line", () => {
    const text = [
      `import "a";`,
      `import b, { c, type d as e } from "b";`,
      `import type { F } from 'c';`,
      `import {`,
      `  g,`,
      `} from "d";`,
      `export * from "e";`,
      `export { h } from "f";`,
      `const i = await import("g");`,
      `import * as j from "h" with { type: "json" };`,
      `type K = import("i").L;`,
    ].join("\n");
    assert.deepEqual(
      importsOf(toSource("x.ts", text)).map(({ specifier, line }) => `${specifier}:${line}`),
      ["a:1", "b:2", "c:3", "d:4", "e:7", "f:8", "g:9", "h:10", "i:11"],
    );
    const kinds = importsOf(toSource("x.ts", text)).map((
      { typeOnly, dynamic },
    ) => [typeOnly, dynamic]);
    assert.deepEqual(kinds[2], [true, false]);
    assert.deepEqual(kinds[6], [false, true]);
  });

  it("sees none in comments, strings, templates and regular expressions", () => {
    const text = [
      `// import "a";`,
      `/* import "b"; */`,
      `const c = 'import "c"';`,
      'const d = `import "d"`;',
      `const e = /import "e"/;`,
      `const f = text.split(/["'\`]/); import "f";`,
      `const g = 4 / 2; // import "g"`,
      `export const from = "h";`,
    ].join("\n");
    assert.deepEqual(importsOf(toSource("x.ts", text)).map(({ specifier }) => specifier), ["f"]);
  });
});
