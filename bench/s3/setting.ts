/** What contenders of the S3 bench have in common, so that both do the same. */
import process from "node:process";

export const LISTED = "listed";
export const SUNK = "sunk";

/** Before the time counts: connections are open, code is compiled. */
const WARM_PUTS = 300;

/** What a contender can do to a server. */
export interface Contender {
  put(bucket: string, key: string, body: Uint8Array<ArrayBuffer>): Promise<unknown>;
  /** Pages of what a bucket holds below a prefix. */
  list(bucket: string, prefix: string): AsyncIterable<readonly Listed[]>;
}

/** What is wanted of each object. */
export interface Listed {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedUnixMilli: number;
}

export interface Account {
  readonly endpoint: string;
  readonly user: string;
  readonly password: string;
}

export interface Result {
  readonly objects: number;
  readonly milliseconds: number;
}

/** What is told of a document. */
export function recordOf(i: number) {
  return {
    url: `s3a://docs/${keyOf(i)}`,
    lastModifiedUnixMilli: 1_760_000_000_000 + i,
    bucket: "docs",
    key: keyOf(i),
    title: `document ${i}`,
  };
}

/** The record in JSON, as s3-sink writes it: about 200 bytes. */
export function bodyOf(i: number): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(recordOf(i)));
}

/** In folders of a thousand: MinIO keeps a folder for each object, and one with 100,000 in it is slow for whoever lists. */
export function keyOf(i: number): string {
  return `archive/${String(Math.floor(i / 1000)).padStart(3, "0")}/scans/document-${
    String(i).padStart(6, "0")
  }.json`;
}

/** So many calls of `each`, with 0, 1, 2 …, never more than `concurrency` at once. */
export async function atOnce(
  count: number,
  concurrency: number,
  each: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await each(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, work));
}

/**
 * The program of a contender. Arguments: "list" or "sink", objects, how many at once, a prefix of its own; the account comes by the
 * environment. Prints a `Result`.
 */
export async function compete(create: (account: Account) => Contender): Promise<void> {
  const [what, count, concurrency, prefix] = process.argv.slice(2) as [
    "list" | "sink",
    string,
    string,
    string,
  ];
  const { KFLOW_STORE_ADDR, KFLOW_STORE_USER, KFLOW_STORE_PASSWORD } = process.env;
  const contender = create({
    endpoint: KFLOW_STORE_ADDR ?? "",
    user: KFLOW_STORE_USER ?? "",
    password: KFLOW_STORE_PASSWORD ?? "",
  });
  const work = { list, sink }[what];
  const milliseconds = await work(contender, {
    count: Number(count),
    concurrency: Number(concurrency),
    prefix,
  });
  const result: Result = { objects: Number(count), milliseconds };
  console.log(JSON.stringify(result));
  process.exit(0);
}

interface Work {
  readonly count: number;
  readonly concurrency: number;
  readonly prefix: string;
}

async function sink(contender: Contender, work: Work): Promise<number> {
  const { count, concurrency, prefix } = work;
  const put = (name: string) => (i: number) =>
    contender.put(SUNK, `${prefix}/${name}/${keyOf(i)}`, bodyOf(i));
  await atOnce(WARM_PUTS, concurrency, put("warm"));
  const started = performance.now();
  await atOnce(count, concurrency, put("all"));
  return performance.now() - started;
}

async function list(contender: Contender, { count }: Work): Promise<number> {
  // Two pages of the same bucket.
  for (const folder of ["000", "001"]) await listed(contender, `archive/${folder}/`);
  const started = performance.now();
  const { objects, bytes } = await listed(contender, "");
  const milliseconds = performance.now() - started;
  if (objects !== count || bytes === 0) throw new Error(`${objects} of ${count} were listed`);
  return milliseconds;
}

async function listed(
  contender: Contender,
  prefix: string,
): Promise<{ objects: number; bytes: number }> {
  let objects = 0;
  let bytes = 0;
  let newest = 0;
  for await (const page of contender.list(LISTED, prefix)) {
    for (const { key, size, etag, lastModifiedUnixMilli } of page) {
      if (key === "" || etag === "") throw new Error("An object has no name or no ETag");
      objects++;
      bytes += size;
      newest = Math.max(newest, lastModifiedUnixMilli);
    }
  }
  if (!(newest > 0)) throw new Error("No object has a time");
  return { objects, bytes };
}
