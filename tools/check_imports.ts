import { posix } from "node:path";
import {
  COMPOSITION_ROOTS,
  DOORS,
  EXCEPTIONS,
  IMPLEMENTATIONS,
  LAYERS,
  type Layers,
  MANY_DOORS,
  ONLY,
  ROOMS,
  UNSPOKEN,
  WITHOUT_CIRCLES,
} from "./layout.ts";
import { importsOf, type Source } from "./sources.ts";

/** Imports that go the wrong way or past a dependency's door, as `path:line: problem`. */
export function checkImports(sources: readonly Source[]): string[] {
  const doors = new Map<string, string>();
  const problems = sources.flatMap((source) => [
    ...importsOf(source).flatMap(({ specifier, line }) => {
      const problem = specifier.startsWith(".") || specifier === "kflow"
        ? checkFile(source.path, targetOf(source.path, specifier))
        : checkDependency(source.path, specifier, doors);
      return problem ? [`${source.path}:${line}: ${problem}`] : [];
    }),
    ...checkWords(source),
  ]);
  return [...problems, ...checkCircles(sources)];
}

function targetOf(path: string, specifier: string): string {
  return specifier === "kflow" ? "mod.ts" : posix.join(posix.dirname(path), specifier);
}

function checkFile(from: string, to: string): string | undefined {
  const exceptional = EXCEPTIONS.some((rule) => rule.from.test(from) && rule.to.test(to));
  if (exceptional) return undefined;
  const [source, target] = [placeOf(from, LAYERS), placeOf(to, LAYERS)];
  if (!target) return `imports "${to}", which is in no layer of tools/layout.ts`;
  if (!source || source.unit === target.unit) return checkRooms(from, to);
  const wrong = checkDirection(to, source, target);
  if (wrong !== undefined) return wrong;

  const only = ONLY.find((rule) => from.startsWith(rule.from));
  if (only && !only.to.some((start) => to.startsWith(start))) {
    return `imports "${to}" instead of ${only.to.join(" or ")}: ${only.why}`;
  }
  if (IMPLEMENTATIONS.test(to) && from.startsWith("src/") && !COMPOSITION_ROOTS.test(from)) {
    return `imports the implementation "${to}": only src/app/, src/handler/ and src/test_kit/ choose one`;
  }
  return undefined;
}

/** Judges an import inside a unit by the rooms that both files are in. */
function checkRooms(from: string, to: string): string | undefined {
  for (const { in: unit, layers } of ROOMS) {
    if (!from.startsWith(unit) || !to.startsWith(unit)) continue;
    const [source, target] = [placeOf(from, layers), placeOf(to, layers)];
    if (!target) return `imports "${to}", which is in no room of tools/layout.ts`;
    if (!source || source.unit === target.unit) continue;
    const wrong = checkDirection(to, source, target);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

interface PlaceInLayers {
  readonly unit: string;
  readonly layer: number;
}

function checkDirection(
  to: string,
  source: PlaceInLayers,
  target: PlaceInLayers,
): string | undefined {
  if (source.layer === target.layer) {
    return `imports "${to}": ${source.unit} and ${target.unit} do not know each other`;
  }
  return source.layer < target.layer ? `imports "${to}": imports go down only` : undefined;
}

/** Finds files that import each other in a circle: none of them can be read or tested alone. Each circle is reported once, at one of its files. */
function checkCircles(sources: readonly Source[]): string[] {
  const imports = new Map(
    sources.filter(({ path }) => WITHOUT_CIRCLES.test(path)).map((source) => [
      source.path,
      importsOf(source).filter(({ specifier }) => specifier.startsWith("."))
        .map(({ specifier }) => targetOf(source.path, specifier)),
    ]),
  );
  const problems: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) {
      problems.push(`${path}: is in a circle: ${[...way.slice(start), path].join(" → ")}`);
    } else if (!done.has(path)) {
      for (const target of imports.get(path) ?? []) visit(target, [...way, path]);
      done.add(path);
    }
  };
  for (const path of imports.keys()) visit(path, []);
  return problems;
}

function placeOf(path: string, layers: Layers): PlaceInLayers | undefined {
  const places = layers.flatMap((units, layer) => units.map((unit) => ({ unit, layer })))
    .filter(({ unit }) => unit === path || (unit.endsWith("/") && path.startsWith(unit)))
    .sort((a, b) => b.unit.length - a.unit.length);
  return places[0];
}

/** Tests, tools and benches may use the platform and any dependency: they talk to servers in their own way. */
function checkDependency(
  path: string,
  specifier: string,
  doors: Map<string, string>,
): string | undefined {
  const product = path.startsWith("src/") || path.startsWith("adapters/") || path === "mod.ts";
  if (!product) return undefined;
  if (specifier.startsWith("node:") && path.startsWith("adapters/")) return undefined;
  if (MANY_DOORS[specifier]) {
    return MANY_DOORS[specifier].test(path)
      ? undefined
      : `imports "${specifier}", which has no place here`;
  }
  const door = DOORS[specifier];
  if (!door) {
    return specifier.startsWith("node:")
      ? `imports "${specifier}": what a platform supplies comes in through src/host.ts`
      : `imports "${specifier}", which has no door in tools/layout.ts`;
  }
  if (!door.test(path)) return `imports "${specifier}" past its door ${door.source}`;
  const other = doors.get(specifier) ?? path;
  doors.set(specifier, other);
  return other === path ? undefined : `imports "${specifier}", whose door is already ${other}`;
}

function checkWords(source: Source): string[] {
  return UNSPOKEN.filter((rule) => source.path.startsWith(rule.in)).flatMap((rule) => {
    const withoutComments = source.text.replaceAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, "");
    const [word] = withoutComments.match(rule.word) ?? [];
    return word ? [`${source.path}: says "${word}": ${rule.why}`] : [];
  });
}
