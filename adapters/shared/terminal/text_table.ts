/** Rows of cells as lines: the first column to the left, the others to the right, two spaces between. The first row is the head. */
export function textTable(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.map((_cell, i) => Math.max(...rows.map((row) => row[i]!.length))) ?? [];
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(columns[i]!) : cell.padStart(columns[i]!)).join("  ")
  );
}
