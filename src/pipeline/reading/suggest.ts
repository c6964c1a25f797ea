import { nearest } from "../../base/text/nearest.ts";

const MAX_CANDIDATES = 100;

/** `did you mean "parallelism"?` as a hint, or what to choose from when nothing is near. */
export function suggest(word: string, candidates: Iterable<string>, listed: string): string {
  const all = [...candidates];
  if (all.length > MAX_CANDIDATES) return `there are ${all.length} ${listed}`;
  const near = nearest(word, all) ?? sharingStart(word, all);
  if (near !== undefined) return `did you mean "${near}"?`;
  return all.length > 0 ? `${listed}: ${all.join(", ")}` : `there are no ${listed}`;
}

function sharingStart(word: string, candidates: readonly string[]): string | undefined {
  if (word.length < 3) return undefined;
  return candidates.find((candidate) =>
    candidate.length > 2 && (candidate.startsWith(word) || word.startsWith(candidate))
  );
}
