/** An object that was made or changed. */
export interface NotifiedObject {
  readonly bucket: string;
  readonly key: string;
}

/**
 * Reads a bucket notification: S3's event JSON, as S3 and MinIO send it.
 * @returns The objects it tells of, and how many of its records tell of anything else, such as a deletion; undefined if it is no notification.
 */
export function readS3Event(
  event: unknown,
): { objects: NotifiedObject[]; others: number } | undefined {
  if (typeof event !== "object" || event === null || Array.isArray(event)) return undefined;
  const records: unknown = Reflect.get(event, "Records");
  // The one that S3 sends to try the way out has none.
  if (records === undefined) return { objects: [], others: 0 };
  if (!Array.isArray(records)) return undefined;
  const objects = records.map(objectOf).filter((object) => object !== undefined);
  return { objects, others: records.length - objects.length };
}

function objectOf(record: unknown): NotifiedObject | undefined {
  // S3 itself leaves "s3:" out.
  if (!/^(s3:)?ObjectCreated:/.test(String(at(record, "eventName")))) return undefined;
  const bucket = at(record, "s3", "bucket", "name");
  const key = at(record, "s3", "object", "key");
  if (typeof bucket !== "string" || typeof key !== "string") return undefined;
  try {
    // As in a form: a blank is a plus sign.
    return { bucket, key: decodeURIComponent(key.replaceAll("+", " ")) };
  } catch {
    return undefined;
  }
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}
