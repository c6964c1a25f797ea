import type { TypeHook } from "./avro_guards.ts";
import { avscSchema } from "./avsc_schema.ts";
import type { AvscLibrary, AvscType, NodeTypes } from "../bytes/avsc_types.ts";
import type { LeastSizes } from "../bytes/least_sizes.ts";
import type { SchemaNode } from "../schema/schema_node.ts";

export interface SchemaTypesOptions {
  readonly library: AvscLibrary;
  readonly typeHook: TypeHook;
  readonly sizes: LeastSizes;
}

/**
 * avsc's types for a schema, made at their first use: compiling them is most of what a schema costs, and of one that records only come in
 * few are needed.
 */
export class SchemaTypes {
  readonly #node: SchemaNode;
  readonly #options: SchemaTypesOptions;
  readonly #types: NodeTypes = new Map();

  constructor(node: SchemaNode, options: SchemaTypesOptions) {
    this.#node = node;
    this.#options = options;
  }

  get root(): AvscType {
    return this.of(this.#node);
  }

  of(node: SchemaNode): AvscType {
    if (this.#types.size === 0) this.#make();
    return this.#types.get(node)!;
  }

  #make(): void {
    const { library, typeHook, sizes } = this.#options;
    const options = { typeHook, registry: Object.create(null), types: this.#types, sizes };
    library.Type.forSchema(avscSchema(this.#node), options);
  }
}
