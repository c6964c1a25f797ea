const MAX_WORD = 64;
const MAX_CANDIDATES = 100;

/** `did you mean "parallelism"?` as a hint, or what to choose from when nothing is near. */
export function suggest(word: string, candidates: Iterable<string>, listed: string): string {
  const all = [...candidates];
  if (all.length > MAX_CANDIDATES) return `there are ${all.length} ${listed}`;
  const near = closest(word, all);
  if (near !== undefined) return `did you mean "${near}"?`;
  return all.length > 0 ? `${listed}: ${all.join(", ")}` : `there are no ${listed}`;
}

/** The candidate that a slip of the fingers turns into `word`. */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_WORD) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  if (best !== undefined || word.length < 3) return best;
  const [start] = [...candidates].filter((candidate) =>
    candidate.length > 2 && (candidate.startsWith(word) || word.startsWith(candidate))
  );
  return start;
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
