/** Where a module cannot be read as code. */
export interface ModulePlace {
  /** Absolute path. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Makes the error of a module that is no code: its message begins with `file:line:column`, whatever the platform's own looks like, so that an editor
 * finds the place.
 */
export function moduleMistake(place: ModulePlace, problem: string): SyntaxError {
  const { file, line, column } = place;
  return new SyntaxError(`${file}:${line}:${column}: ${problem}`);
}
