/**
 * Which way imports go (DESIGN.md 2), lowest layer first. A file may import its own unit and whatever lies in the layers below.
 * A unit is a folder (ending in `/`) or a file; the longest that fits is a file's unit.
 */
export const LAYERS: readonly (readonly string[])[] = [
  // What everything else is made with: errors, log, secrets, time.
  ["src/base/"],
  ["src/settings/"],
  // Ports with their implementations. They never import each other.
  [
    "src/pipeline/",
    "src/broker/",
    "src/store/",
    "src/files/",
    "src/codec/",
    "src/metrics/",
    "src/tracing/",
  ],
  ["src/host.ts"],
  // What users write, and what their functions are given.
  ["src/api/"],
  ["src/runtime/"],
  ["src/isolate/"],
  ["src/task_types/", "src/http/"],
  ["src/exporter/", "src/failpoints/"],
  ["src/app/"],
  ["src/test_kit/", "src/handler/"],
  ["mod.ts"],
  ["adapters/shared/"],
  ["adapters/bun/", "adapters/deno/", "adapters/http/", "adapters/kubernetes/"],
  ["examples/"],
  ["tools/"],
  ["bench/"],
  ["tests/"],
];

/** Imports that go another way, each with its reason. */
export const EXCEPTIONS: readonly { from: RegExp; to: RegExp; why: string }[] = [
  {
    from: /^src\/store\/directory[a-z_]*\.ts$/,
    to: /^src\/files\/files\.ts$/,
    why: "a directory store keeps its objects in a Files area, which is handed to it",
  },
  {
    from: /^mod\.ts$/,
    to: /^adapters\/((deno|bun)\/[a-z_]+|shared\/node\/background_timers)\.ts$/,
    why:
      "mod.ts starts the command line of its platform, and gives a handler what its platform has",
  },
  {
    from: /^bench\//,
    to: /^tests\/support\//,
    why: "a bench starts the same servers as the tests",
  },
];

/** Folders whose files may reach down only to these. */
export const ONLY: readonly { from: string; to: readonly string[]; why: string }[] = [
  {
    from: "adapters/shared/",
    to: ["mod.ts", "adapters/shared/", "src/"],
    why: "it supplies what ports and host.ts ask for, and knows nothing above them",
  },
  {
    from: "adapters/",
    to: ["mod.ts", "adapters/shared/"],
    why: "an adapter uses what every user can use",
  },
  { from: "examples/", to: ["mod.ts", "examples/"], why: "an example shows what users write" },
];

/** Implementations of ports: beside their own folder only those who put everything together name them. */
export const IMPLEMENTATIONS =
  /^src\/(broker\/(memory|nats)\/.*|store\/(memory|directory)|store\/s3\/.*|files\/memory|codec\/avro\/.*|metrics\/prometheus|tracing\/otlp)[a-z_0-9]*\.ts$/;
export const COMPOSITION_ROOTS = /^src\/(app|test_kit|handler)\//;

/** One door per dependency: the only place that imports it. A pattern that fits several files still allows one of them only. */
export const DOORS: Readonly<Record<string, RegExp>> = {
  "@noble/hashes/sha2.js": /^src\/broker\/message_id\.ts$/,
  "@noble/hashes/utils.js": /^src\/broker\/message_id\.ts$/,
  "avsc/lib/types.js": /^src\/codec\/avro\/avro_codec\.ts$/,
  "aws4fetch": /^src\/store\/s3\/[a-z_]*\.ts$/,
  "commander": /^(src|adapters\/shared)\/[a-z_/]+\.ts$/,
  "hono": /^src\/http\/http_app\.ts$/,
  "nats": /^adapters\/shared\/node\/nats_tcp\.ts$/,
  "nats/lib/src/nats-base-client.js": /^adapters\/shared\/node\/nats_transport\.ts$/,
  "nats/lib/src/node_transport.js": /^adapters\/shared\/node\/nats_transport\.ts$/,
  "nats.ws": /^src\/broker\/nats\/wire\/client\.ts$/,
  "node:buffer": /^src\/codec\/avro\/avro_codec\.ts$/,
  "prom-client": /^src\/metrics\/prometheus\.ts$/,
  "saxes": /^src\/store\/s3\/xml_element\.ts$/,
  "ws": /^adapters\/deno\/open_socket\.ts$/,
  "yaml": /^src\/pipeline\/reading\/parse\.ts$/,
};

/** Used wherever a schema is declared. */
export const MANY_DOORS: Readonly<Record<string, RegExp>> = {
  "zod": /^src\/(pipeline|task_types|http|settings)\//,
};

/** Words that may not stand in the code of a folder. */
export const UNSPOKEN: readonly { in: string; word: RegExp; why: string }[] = [
  { in: "src/runtime/", word: /nats/i, why: "the runtime knows the broker port only" },
];
