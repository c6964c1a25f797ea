/** Units by layer, lowest first. A unit is a folder (ending in `/`) or a file; the longest that fits is a file's unit. */
export type Layers = readonly (readonly string[])[];

/** The rooms of a unit of `LAYERS`, or of a room. */
export interface Rooms {
  readonly in: string;
  readonly layers: Layers;
}

/** Which way imports go (DESIGN.md 2). A file may import its own unit and the units in the layers below. */
export const LAYERS: Layers = [
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

/**
 * Which way imports go inside a unit, lowest room first, by the same rules. A room is a folder or a file, without the rooms in it that are
 * listed too. A folder that is not here has one room.
 */
export const ROOMS: readonly Rooms[] = [
  {
    in: "src/base/",
    layers: [["src/base/data/", "src/base/time/"], ["src/base/text/"], ["src/base/"]],
  },
  {
    in: "src/pipeline/",
    layers: [
      ["src/pipeline/reading/"],
      ["src/pipeline/plan/"],
      // One value, one task, then what only all tasks together tell.
      ["src/pipeline/checking/"],
      ["src/pipeline/checking/graph/"],
      ["src/pipeline/load_plan.ts"],
    ],
  },
  {
    in: "src/broker/",
    layers: [["src/broker/"], ["src/broker/memory/", "src/broker/nats/"]],
  },
  {
    in: "src/broker/nats/",
    layers: [["src/broker/nats/wire/"], ["src/broker/nats/admin/"], ["src/broker/nats/"]],
  },
  { in: "src/store/", layers: [["src/store/"], ["src/store/s3/"]] },
  {
    in: "src/codec/",
    layers: [
      ["src/codec/"],
      ["src/codec/schema/"],
      ["src/codec/bytes/"],
      ["src/codec/json/", "src/codec/resolution/"],
      ["src/codec/avro/"],
    ],
  },
  {
    in: "src/runtime/",
    layers: [
      ["src/runtime/progress/", "src/runtime/downloads/"],
      ["src/runtime/records/"],
      ["src/runtime/failures/", "src/runtime/calls/", "src/runtime/sources/"],
      ["src/runtime/worker/", "src/runtime/start/"],
      ["src/runtime/run/"],
    ],
  },
  {
    in: "src/task_types/",
    layers: [
      ["src/task_types/"],
      ["src/task_types/elastic/", "src/task_types/fs_source/", "src/task_types/raw_source/"],
      ["src/task_types/registry.ts"],
    ],
  },
  {
    in: "src/handler/",
    layers: [
      ["src/handler/"],
      ["src/handler/call/", "src/handler/drain/", "src/handler/notify/"],
      ["src/handler/handler_service.ts"],
      ["src/handler/routes/"],
      ["src/handler/handler.ts"],
    ],
  },
  {
    in: "adapters/shared/",
    layers: [
      ["adapters/shared/node/", "adapters/shared/terminal/", "adapters/shared/threads/"],
      ["adapters/shared/http/", "adapters/shared/modules/"],
      ["adapters/shared/node_host.ts"],
      ["adapters/shared/cli/"],
    ],
  },
  {
    in: "tests/support/",
    layers: [
      ["tests/support/"],
      ["tests/support/servers/"],
      ["tests/support/data/"],
      ["tests/support/in_process/"],
      ["tests/support/commands/"],
    ],
  },
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
  /^src\/(broker\/(memory|nats)\/.*|store\/(memory|directory)|store\/s3\/.*|files\/memory|codec\/(schema|bytes|json|resolution|avro)\/.*|metrics\/prometheus|tracing\/otlp)[a-z_0-9]*\.ts$/;
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

/** Where no files may import each other in a circle, types included. */
export const WITHOUT_CIRCLES = /^(src|adapters\/shared)\//;

/** Words that may not stand in the code of a folder. */
export const UNSPOKEN: readonly { in: string; word: RegExp; why: string }[] = [
  { in: "src/runtime/", word: /nats/i, why: "the runtime knows the broker port only" },
];
