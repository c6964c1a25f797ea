import { SchemaError } from "../codec.ts";
import { primitiveReader } from "./promotions.ts";
import {
  branchName,
  type EnumNode,
  PRIMITIVES,
  type RecordNode,
  type SchemaNode,
  type UnionNode,
} from "../schema/schema_node.ts";

/** A type of the reader beside the type of the writer whose values it reads. */
export class Match {
  readonly reader: SchemaNode;
  readonly writer: SchemaNode;
  /** Whether the pairs in `parts` have to fit all, or one of them: a branch for a value that is not a union's. */
  readonly any: boolean;
  readonly parts: Part[] = [];
  readonly usedBy: { readonly match: Match; readonly label: string }[] = [];
  misfit: Misfit | undefined;

  constructor(reader: SchemaNode, writer: SchemaNode) {
    this.reader = reader;
    this.writer = writer;
    this.any = reader.kind === "union" && writer.kind !== "union";
  }

  /** The first part that fits. */
  get first(): Match | undefined {
    return this.parts.find(({ match }) => match.misfit === undefined)?.match;
  }
}

export interface Part {
  readonly match: Match;
  /** Of a record: the reader's field and the name that the writer has for it. */
  readonly field?: { readonly index: number; readonly from: string };
}

interface Misfit {
  readonly path: string;
  readonly problem: string;
}

/** Pairs of types and fields that are compared at most, some 100 ms of them; the largest schema against itself has 15,000. */
const MAX_STEPS = 40_000;
/** To see that a branch cannot be the right one costs a fraction of a comparison. */
const BRANCHES_PER_STEP = 16;

/**
 * Compares two schemas by the rules of Avro's schema resolution, names without their namespace. Each pair of types is looked at once, also
 * where records hold themselves or unions try branch after branch: a pair fits unless something in it is found not to.
 * @throws {SchemaError} naming the first field that does not fit.
 */
export function matchSchemas(reader: SchemaNode, writer: SchemaNode): Match {
  const root = new Matcher().match(reader, writer);
  if (root.misfit === undefined) return root;
  const { path, problem } = root.misfit;
  throw new SchemaError(path === "" ? problem : `${path}: ${problem}`);
}

class Matcher {
  readonly #known = new Map<SchemaNode, Map<SchemaNode, Match>>();
  readonly #open: Match[] = [];
  readonly #misfits: Match[] = [];
  #steps = 0;

  match(reader: SchemaNode, writer: SchemaNode): Match {
    const root = this.#pair(reader, writer);
    for (let match = this.#open.pop(); match; match = this.#open.pop()) this.#compare(match);
    for (let match = this.#misfits.pop(); match; match = this.#misfits.pop()) this.#spread(match);
    return root;
  }

  #step(count = 1): void {
    this.#steps += count;
    if (this.#steps > MAX_STEPS) {
      throw new SchemaError("the schemas have too many types to compare");
    }
  }

  #pair(reader: SchemaNode, writer: SchemaNode): Match {
    const row = this.#known.get(reader) ?? new Map<SchemaNode, Match>();
    this.#known.set(reader, row);
    const known = row.get(writer);
    if (known !== undefined) return known;
    const match = new Match(reader, writer);
    row.set(writer, match);
    this.#open.push(match);
    return match;
  }

  #part(
    match: Match,
    pair: { reader: SchemaNode; writer: SchemaNode },
    { label, field }: { label: string; field?: Part["field"] },
  ): void {
    this.#step();
    const part = this.#pair(pair.reader, pair.writer);
    match.parts.push(field === undefined ? { match: part } : { match: part, field });
    part.usedBy.push({ match, label });
  }

  #compare(match: Match): void {
    const { reader, writer } = match;
    if (writer.kind === "union") {
      for (const branch of writer.branches) {
        this.#part(match, { reader, writer: branch }, { label: "" });
      }
    } else if (reader.kind === "union") {
      this.#step(reader.branches.length / BRANCHES_PER_STEP);
      const branches = likelyFirst(reader, writer);
      for (const branch of branches) this.#part(match, { reader: branch, writer }, { label: "" });
      if (branches.length === 0) {
        this.#fail(match, { path: "", problem: cannotRead(reader, writer) });
      }
    } else if (reader.kind === "record" && writer.kind === "record") {
      this.#compareRecords(match, reader, writer);
    } else if (reader.kind === "array" && writer.kind === "array") {
      this.#part(match, { reader: reader.items, writer: writer.items }, { label: "[]" });
    } else if (reader.kind === "map" && writer.kind === "map") {
      this.#part(match, { reader: reader.values, writer: writer.values }, { label: "{}" });
    } else {
      this.#step(writer.kind === "enum" ? writer.symbols.length : 1);
      const problem = misfitOf(reader, writer);
      if (problem !== undefined) this.#fail(match, { path: "", problem });
    }
  }

  #compareRecords(match: Match, reader: RecordNode, writer: RecordNode): void {
    if (!sameName(reader, writer)) {
      return this.#fail(match, { path: "", problem: cannotRead(reader, writer) });
    }
    this.#step(reader.fields.length + writer.fields.length);
    const written = new Map(writer.fields.map((field) => [field.name, field.type]));
    for (const [index, { name, aliases, type, default: fallback }] of reader.fields.entries()) {
      this.#step(aliases.length);
      const names = aliases.length === 0 ? [name] : [...new Set([name, ...aliases])];
      const [from, another] = names.filter((one) => written.has(one));
      if (another !== undefined) {
        const problem = `the writer has ${from} and ${another}, which are both names of this field`;
        return this.#fail(match, { path: name, problem });
      }
      if (from !== undefined) {
        const pair = { reader: type, writer: written.get(from)! };
        this.#part(match, pair, { label: name, field: { index, from } });
      } else if (fallback === undefined) {
        const problem = "the writer has no such field, and it has no default";
        return this.#fail(match, { path: name, problem });
      }
    }
  }

  #fail(match: Match, misfit: Misfit): void {
    if (match.misfit !== undefined) return;
    match.misfit = misfit;
    this.#misfits.push(match);
  }

  /** Tells those that need this pair that it does not fit. */
  #spread(failed: Match): void {
    for (const { match, label } of failed.usedBy) {
      if (match.misfit !== undefined) continue;
      if (!match.any) this.#fail(match, within(label, failed.misfit!));
      else if (match.first === undefined) {
        const [only, another] = match.parts;
        const why = another === undefined ? only?.match.misfit : undefined;
        this.#fail(match, why ?? { path: "", problem: cannotRead(match.reader, match.writer) });
      }
    }
  }
}

/**
 * The branches of a union that may take the values of a type, the one of the same name first: a long is not to become a double only
 * because that comes before.
 */
function likelyFirst(union: UnionNode, writer: SchemaNode): readonly SchemaNode[] {
  const possible = union.branches.filter((branch) =>
    "name" in branch && "name" in writer
      ? branch.kind === writer.kind && sameName(branch, writer)
      : branch.kind === writer.kind || primitiveReader(writer.kind, branch.kind) !== undefined
  );
  const name = branchName(writer);
  const same = possible.filter((branch) => branchName(branch) === name);
  return [...same, ...possible.filter((branch) => branchName(branch) !== name)];
}

/** Why a reader's type cannot take the values of a writer's; both have no parts. */
function misfitOf(reader: SchemaNode, writer: SchemaNode): string | undefined {
  if (reader.kind === "enum" && writer.kind === "enum" && sameName(reader, writer)) {
    const missing = symbolWithout(reader, writer);
    return missing === undefined
      ? undefined
      : `cannot read symbol ${missing} as enum ${reader.name}, which has no default`;
  }
  if (reader.kind === "fixed" && writer.kind === "fixed" && sameName(reader, writer)) {
    if (reader.size === writer.size) return undefined;
    return `cannot read ${writer.size} bytes of fixed ${writer.name} as ${reader.size}`;
  }
  return primitiveReader(writer.kind, reader.kind) === undefined
    ? cannotRead(reader, writer)
    : undefined;
}

function symbolWithout(reader: EnumNode, writer: EnumNode): string | undefined {
  if (reader.default !== undefined) return undefined;
  return writer.symbols.find((symbol) => !reader.known.has(symbol));
}

interface Named {
  readonly name: string;
  readonly aliases: readonly string[];
}

function sameName(reader: Named, writer: Named): boolean {
  const name = shortName(writer.name);
  return shortName(reader.name) === name || reader.aliases.some((one) => shortName(one) === name);
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

function cannotRead(reader: SchemaNode, writer: SchemaNode): string {
  return `cannot read ${described(writer)} as ${described(reader)}`;
}

function described(node: SchemaNode): string {
  if (node.kind === "union") {
    const names = node.branches.slice(0, 8).map(branchName);
    const more = node.branches.length - names.length;
    return `${names.join(" or ")}${more > 0 ? ` or one of ${more} more` : ""}`;
  }
  const isPrimitive = PRIMITIVES.some((kind) => kind === node.kind);
  return isPrimitive || !("name" in node) ? node.kind : `${node.kind} ${node.name}`;
}

const LONGEST_PATH = 200;

function within(label: string, { path, problem }: Misfit): Misfit {
  if (path.length > LONGEST_PATH) return { path, problem };
  const dot = label === "" || path === "" || /^[[{]/.test(path) ? "" : ".";
  return { path: `${label}${dot}${path}`, problem };
}
