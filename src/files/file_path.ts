/** Names of files that are being written. A process that was killed may leave one behind. */
export const UNFINISHED_NAME = /^\.kflow-[0-9a-f]{32}\.part$/;

/** A new name of that form. */
export function unfinishedName(): string {
  return `.kflow-${crypto.randomUUID().replaceAll("-", "")}.part`;
}

/**
 * The segments of a path as the Files port allows it.
 * @throws {RangeError} if the path could mean anything but a place below the root.
 */
export function segmentsOf(path: string): string[] {
  if (path === "") throw new RangeError("Cannot use the root itself here: give a path below it");
  const segments = path.split("/");
  for (const segment of segments) {
    const problem = problemOf(segment);
    if (problem) throw new RangeError(`Cannot use path ${JSON.stringify(path)}: it has ${problem}`);
  }
  return segments;
}

function problemOf(segment: string): string | undefined {
  if (segment === "") return "an empty segment";
  if (segment === "." || segment === "..") return `the segment "${segment}"`;
  if (segment.includes("\0")) return "a NUL character";
  if (!segment.isWellFormed()) return "half of a surrogate pair";
  if (UNFINISHED_NAME.test(segment)) return "a name that unfinished files have";
  return undefined;
}
