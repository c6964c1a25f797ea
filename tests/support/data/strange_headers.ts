const NAMES = [
  "X",
  "X A\x01",
  "X-\xe9",
  "",
  " ",
  "X:Y",
  "__proto__",
  "Kflow-Task",
  "Kflow-Schema",
  "traceparent",
  "Nats-X",
  "\t",
  "a".repeat(300),
];
const VALUES = [
  "b",
  "a\nb",
  "a\rb",
  "\0",
  "\xff\xfe",
  "",
  "   ",
  "é",
  "x".repeat(3000),
  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "\x1b[31m",
];
const ENDS = ["\r\n", "\n", "\r", "", "\r\n\r\n", "\0"];

/** Headers that a NATS server takes from anybody, and that no client of good manners sends. @param below A random whole number under the given one. */
export function strangeHeaders(below: (bound: number) => number): string {
  const pick = (all: readonly string[]) => all[below(all.length)]!;
  let headers = "";
  for (let count = below(4); count > 0; count--) {
    headers += `${pick(NAMES)}:${pick(VALUES)}${pick(ENDS)}`;
  }
  return headers;
}
