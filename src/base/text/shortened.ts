/** Cuts a text to `max` UTF-16 units, with `…` as the last one and never within a character. */
export function shortened(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, Math.max(0, max - 1)).toWellFormed() + "…";
}
