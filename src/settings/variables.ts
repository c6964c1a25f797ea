/** Looks variables up among an object's own properties: every object inherits a `constructor` and a `toString`. */
export function variablesIn(
  values: Readonly<Record<string, string | undefined>>,
): (name: string) => string | undefined {
  return (name) => Object.hasOwn(values, name) ? values[name] : undefined;
}
