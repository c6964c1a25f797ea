import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { importsOf, readSources } from "../../tools/sources.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

describe("cold start of a handler", () => {
  it("loads neither a NATS client, the command line, prom-client, YAML nor avsc's services before they are needed", async () => {
    const sources = new Map((await readSources(ROOT)).map((source) => [source.path, source]));
    const seen = new Set<string>();
    const packages = new Set<string>();
    const follow = (path: string) => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const { specifier, typeOnly, dynamic } of importsOf(sources.get(path)!)) {
        if (typeOnly || dynamic) continue;
        if (specifier.startsWith(".")) follow(posix.join(posix.dirname(path), specifier));
        else packages.add(specifier);
      }
    };
    for (const entry of ["mod.ts", "src/handler/handler.ts", "src/handler/handler_source.ts"]) {
      follow(entry);
    }
    assert.ok(packages.has("zod") && packages.has("hono"), "the imports were found");
    for (const name of ["nats", "nats.ws", "commander", "prom-client", "yaml", "avsc"]) {
      assert.ok(!packages.has(name), name);
    }
  });
});
