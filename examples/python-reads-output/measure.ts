const SENSORS = ["bow", "stern"];

/** Forty measurements of two sensors; each seventh is missing, and one number is larger than JavaScript's safe integers. */
export default function* measure() {
  for (let n = 0; n < 40; n++) {
    yield {
      sensor: SENSORS[n % 2],
      number: n === 39 ? 2n ** 62n : n,
      celsius: n % 7 === 0 ? null : 12 + n / 4,
      raw: Uint8Array.of(n, 255 - n),
    };
  }
}
