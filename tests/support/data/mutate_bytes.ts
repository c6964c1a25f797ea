import { pick, type Random, randomBytes } from "./random_avro.ts";

/** What readers of counts, lengths and indices stumble over: -1, -2, the largest and smallest of 32 and of 64 bits, one that does not end. */
const EVIL: readonly (readonly number[])[] = [
  [0x01],
  [0x03],
  [0x01, 0x03],
  [0xfe, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
];
const MOST_BYTES = 100_000;

/** A copy with one to four places damaged: bytes changed, cut off, taken out, put in, said again many times, or exchanged for what is evil. */
export function mutateBytes(body: Uint8Array, random: Random): Uint8Array {
  let bytes = Array.from(body);
  const below = (bound: number) => Math.floor(random() * bound);
  for (let left = 1 + below(4); left > 0; left--) {
    const at = below(bytes.length + 1);
    const evil = pick(random, EVIL);
    switch (below(8)) {
      case 0:
        if (bytes.length > 0) bytes[at % bytes.length] = below(256);
        break;
      case 1:
        if (bytes.length > 0) bytes[at % bytes.length]! ^= 1 << below(8);
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes.splice(at, 0, ...evil);
        break;
      case 4:
        bytes.splice(at, evil.length, ...evil);
        break;
      case 5:
        bytes.splice(at, 1 + below(4));
        break;
      case 6: {
        const part = bytes.slice(at, at + 1 + below(8));
        const times = Math.min(1 + below(random() < 0.1 ? 20_000 : 20), MOST_BYTES / 8);
        bytes = [...bytes.slice(0, at), ...repeated(part, times), ...bytes.slice(at)];
        break;
      }
      default:
        bytes.splice(at, 0, ...randomBytes(random, below(30)));
    }
    bytes = bytes.slice(0, MOST_BYTES);
  }
  return Uint8Array.from(bytes);
}

function repeated(part: readonly number[], times: number): number[] {
  return Array.from({ length: part.length * times }, (_, i) => part[i % part.length]!);
}
