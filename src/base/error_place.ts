import { classOf, reasonOf, stackOf } from "./errors.ts";

/** Where this code lies, as frames of a stack name it. */
const OWN = ["../../src/", "../../adapters/"].map((path) => new URL(path, import.meta.url).href);
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
  return OWN.some((folder) => url.startsWith(folder));
}

/** Says why, and of an error that came from the user's own code also where, and its class if that says more than "Error": `TypeError: no model (f.ts:3:9)`. */
export function placedReasonOf(error: unknown): string {
  const place = placeOf(error);
  if (place === undefined) return reasonOf(error);
  const name = classOf(error);
  return `${name === "Error" ? "" : `${name}: `}${reasonOf(error)} (${place})`;
}
