import { stackOf } from "./errors.ts";

/** Where this code lies, as frames of a stack name it. */
const OWN = new URL("../", import.meta.url).href;
/** `at name (place:line:column)`, `at place:line:column`. */
const FRAME = /^\s*at (?:.*\()?(.+?):(\d+):(\d+)\)?$/;
const INTERNAL = /^(ext:|node:|native|<anonymous>)|[/\\]node_modules[/\\]|\$bunfs/;

/**
 * The innermost line of the user's own code that an error came from, as `file.ts:3:9`; undefined if its stack names none. Frames of kflow, of the runtime and of packages
 * are passed over.
 */
export function placeOf(error: unknown): string | undefined {
  for (const line of stackOf(error).split("\n")) {
    const [, place, row, column] = FRAME.exec(line) ?? [];
    if (place === undefined || INTERNAL.test(place) || isOwn(place)) continue;
    return `${place.split(/[/\\]/).at(-1)}:${row}:${column}`;
  }
  return undefined;
}

function isOwn(place: string): boolean {
  const url = place.startsWith("/") ? `file://${place}` : place;
  return url.startsWith(OWN);
}
