/** The last line of an error record's text is `ClassName: reason`, ended by a line break. */
export default function tell({ error, functionId }: { error: string; functionId: string }) {
  const line = error.split("\n").at(-2) ?? "";
  const [name, ...reason] = line.split(":");
  return { task: functionId, error: name, reason: reason.join(":").trim() };
}
