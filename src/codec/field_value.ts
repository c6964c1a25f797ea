/** A field's value; what every object inherits (`constructor`, `toString`) is not a field. */
export function fieldValue(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return name in Object.prototype && !Object.hasOwn(record, name) ? undefined : record[name];
}
