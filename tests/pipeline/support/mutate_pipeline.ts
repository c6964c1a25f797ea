import { parsePipeline } from "../../../src/pipeline/reading/parse.ts";
import { Places } from "../../../src/pipeline/reading/places.ts";
import { Report } from "../../../src/pipeline/reading/findings.ts";
import { pick, type Random } from "../../support/data/random_avro.ts";

const SCRAPS = [
  ..."\t\n :-[]{}'\"#&*!|>%@,$~.0",
  "${",
  "${A:-",
  "${file:/x}",
  "<<: ",
  "- ",
  "null",
  "&a ",
  "*a",
  "---\n",
  "\u0000",
  "\u{1f600}",
  "\ud800",
  "\u2028",
  "\u202e",
  "\ufeff",
  "__proto__: 1\n",
  "constructor: 1\n",
  "dag:\n",
  "1e999",
  "[".repeat(200),
  "out: [demo, s3, process]\n",
];

const nested = (depth: number, open: string, close: string) =>
  open.repeat(depth) + "1" + close.repeat(depth);

/** Lines that grow when they are read. */
const BOMBS = [
  "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n" +
  Array.from(
    { length: 9 },
    (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i}, `.repeat(9)}*l${i}]\n`,
  ).join(""),
  "m0: &m0 {a: 1, b: 2}\n" +
  Array.from({ length: 20 }, (_, i) => `m${i + 1}: &m${i + 1} {a: *m${i}, b: *m${i}}\n`).join(""),
  "self: &self [*self, *self]\n",
  `deep: ${nested(3000, "[", "]")}\n`,
  `deep: ${nested(1000, "{a: ", "}")}\n`,
  Array.from({ length: 500 }, (_, i) => `${" ".repeat(i)}k${i}:\n`).join(""),
  "? ".repeat(300) + "x\n",
  "- ".repeat(300) + "x\n",
  `name: ${"n".repeat(200_000)}\n`,
  `name: "${"\\u00e9".repeat(50_000)}"\n`,
  `name: ${"${A:-".repeat(500)}${"}".repeat(500)}\n`,
];

const below = (random: Random, bound: number) => Math.floor(random() * bound);

/** Damage to the text, whatever it means. */
export function mutateText(text: string, random: Random): string {
  for (let edits = 1 + below(random, 4); edits > 0; edits--) {
    const from = below(random, text.length + 1);
    const to = Math.min(text.length, from + below(random, random() < 0.5 ? 3 : 120));
    switch (below(random, 5)) {
      case 0:
        text = text.slice(0, from) + text.slice(to);
        break;
      case 1:
        text = text.slice(0, from) + pick(random, SCRAPS) + text.slice(from);
        break;
      case 2: {
        const target = below(random, text.length + 1);
        text = text.slice(0, target) + text.slice(from, to) + text.slice(target);
        break;
      }
      case 3: {
        const lines = text.split("\n");
        const [line] = lines.splice(below(random, lines.length), 1);
        const moved = " ".repeat(below(random, 5)) + line!.trimStart();
        lines.splice(below(random, lines.length + 1), 0, moved);
        text = lines.join("\n");
        break;
      }
      default:
        text = text.slice(0, from) + pick(random, SCRAPS) + text.slice(to);
    }
  }
  return random() < 0.05 ? withBomb(text, random) : text;
}

function withBomb(text: string, random: Random): string {
  const bomb = pick(random, BOMBS);
  return random() < 0.5 ? text + "\n" + bomb : bomb + text;
}

type Value = unknown;
type Parent = Value[] | Record<string, Value>;

const STRANGE: readonly ((random: Random) => Value)[] = [
  () => null,
  () => true,
  () => "",
  () => 0,
  () => -1,
  () => 1.5,
  () => 1e300,
  () => Number.MAX_SAFE_INTEGER,
  () => [],
  () => ({}),
  () => [[]],
  () => "true",
  () => "*",
  () => "../../etc/passwd",
  () => "a.b > c",
  () => "\u0000\u202e\u{1f600}\ud800",
  () => "http://[::1",
  () => "file:///",
  () => "${UNSET_A}${UNSET_B:-${UNSET_C}}",
  () => "{",
  () => '{"type":"record","name":"r","fields":[{"name":"a","type":"r"}]}',
  (random) => "x".repeat(below(random, 20_000)),
  (random) => Array.from({ length: below(random, 300) }, (_, i) => `t${i}`),
  (random) =>
    Object.fromEntries(Array.from({ length: below(random, 300) }, (_, i) => [`k${i}`, i])),
  (random) => JSON.parse(nested(below(random, 80), "[", "]")),
  (random) => JSON.parse(nested(below(random, 80), '{"a":', "}")),
];
const KEYS = ["__proto__", "constructor", "toString", "length", "", "é", "a b", "<<", "idd", "0"];

/** Damage to what the text says: other types, other keys, more and fewer of everything, things in each other's place. Written as JSON, which is YAML. */
export function mutateStructure(text: string, random: Random): string {
  const root = { dag: [], ...parsePipeline(text, new Report(new Places("p.yaml"))) as object };
  for (let edits = 1 + below(random, 4); edits > 0; edits--) {
    const places = placesIn(root);
    if (places.length === 0) break;
    const [parent, key] = pick(random, places);
    const at = parent as Record<string | number, Value>;
    switch (below(random, 6)) {
      case 0:
      case 1:
        at[key] = pick(random, STRANGE)(random);
        break;
      case 2:
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else delete at[key];
        break;
      case 3: {
        const [other, otherKey] = pick(random, places);
        at[key] = structuredClone((other as typeof at)[otherKey]);
        break;
      }
      case 4: {
        const more = () => structuredClone(at[key]);
        if (Array.isArray(parent)) {
          if (parent.length < 50) parent.push(...Array.from({ length: 40 }, more));
        } else {
          const suffix = pick(random, ["s", "_", "."]);
          const name = random() < 0.5 ? pick(random, KEYS) : `${key}${suffix}`;
          // As a plain key also where the name is `__proto__`.
          const plain = { writable: true, enumerable: true, configurable: true };
          Object.defineProperty(parent, name, { value: more(), ...plain });
        }
        break;
      }
      default:
        at[key] = random() < 0.5 ? [at[key]] : { [String(key)]: at[key] };
    }
  }
  const json = JSON.stringify(root, null, random() < 0.5 ? 1 : undefined);
  return random() < 0.05 ? mutateText(json, random) : json;
}

/** Everything below, by what holds it and its name there. */
function placesIn(root: Parent): [Parent, string | number][] {
  const found: [Parent, string | number][] = [];
  const waiting: Parent[] = [root];
  for (let parent = waiting.pop(); parent && found.length < 5000; parent = waiting.pop()) {
    for (const [key, value] of Object.entries(parent)) {
      found.push([parent, Array.isArray(parent) ? Number(key) : key]);
      if (typeof value === "object" && value !== null) waiting.push(value as Parent);
    }
  }
  return found;
}
