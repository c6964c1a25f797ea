const LONGEST = 128;

/**
 * Finds the candidate that a slip of the fingers turns into `word`, if there is one.
 * @param maxEdits Letters that may be wrong. @default a third of the word's
 */
export function nearest(
  word: string,
  candidates: Iterable<string>,
  maxEdits: number = Math.max(1, Math.floor(word.length / 3)),
): string | undefined {
  if (word.length > LONGEST) return undefined;
  let best: string | undefined;
  let least = maxEdits + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const edits = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < least) [best, least] = [candidate, edits];
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours. */
function editDistance(from: string, to: string): number {
  const width = to.length + 1;
  let before: number[] = [];
  let above = Array.from({ length: width }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column < width; column++) {
      const same = from[row - 1] === to[column - 1];
      let least = Math.min(
        above[column]! + 1,
        current[column - 1]! + 1,
        above[column - 1]! + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      if (swapped) least = Math.min(least, before[column - 2]! + 1);
      current.push(least);
    }
    [before, above] = [above, current];
  }
  return above[to.length]!;
}
