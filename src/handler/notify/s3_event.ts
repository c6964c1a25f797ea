/** An object that was made or changed. */
export interface NotifiedObject {
  readonly bucket: string;
  readonly key: string;
}

export interface S3Event {
  readonly objects: NotifiedObject[];
  /** How many of its events are of something else, such as a deletion. */
  others: number;
}

/** A body that is not understood as a bucket notification. */
export class NotificationError extends Error {
  override readonly name = "NotificationError";
  constructor(problem: string, readonly hint: string) {
    super(problem);
  }
}

/** SQS around SNS around the event itself, and the list that each may be in. */
const MAX_DEPTH = 8;
const FORMS = "send the event JSON of S3 or MinIO, alone or as SNS, SQS or EventBridge deliver it";

/**
 * Reads a bucket notification: the event JSON of S3 and MinIO, an EventBridge event of S3, and either of them in the envelopes of SNS and SQS.
 * @throws {NotificationError} for anything that is not understood: what is answered as taken is lost.
 */
export function readS3Event(body: unknown): S3Event {
  const event: S3Event = { objects: [], others: 0 };
  read(body, event, 0);
  return event;
}

function read(value: unknown, event: S3Event, depth: number): void {
  if (depth > MAX_DEPTH) throw notUnderstood("it is nested too deep");
  const inside = (each: unknown) => read(each, event, depth + 1);
  if (Array.isArray(value)) {
    if (value.length === 0) throw notUnderstood("it is an empty list");
    return value.forEach(inside);
  }
  if (typeof value !== "object" || value === null) throw notUnderstood("it is not a JSON object");
  for (const name of ["Records", "Messages"]) {
    const list = at(value, name);
    if (Array.isArray(list)) return inside(list);
    if (list !== undefined) throw notUnderstood(`"${name}" is not a list`);
  }
  const packed = at(value, "body") ?? at(value, "Body") ?? at(value, "Sns", "Message");
  if (typeof packed === "string") return inside(unpacked(packed));
  if (at(value, "Type") !== undefined) return inside(unpacked(messageOf(value)));
  if (at(value, "Event") === "s3:TestEvent") return;
  if (at(value, "source") === "aws.s3") return readEventBridge(value, event);
  readRecord(value, event);
}

/** The message in the envelope of SNS. */
function messageOf(envelope: object): string {
  const [type, message] = [at(envelope, "Type"), at(envelope, "Message")];
  if (type === "Notification" && typeof message === "string") return message;
  if (type === "SubscriptionConfirmation") {
    throw new NotificationError(
      "The subscription of this address to an SNS topic is not confirmed",
      'confirm it yourself: open the "SubscribeURL" of this message, which the log has, or use "aws sns confirm-subscription"',
    );
  }
  throw notUnderstood(`its "Type" is ${JSON.stringify(type)}`);
}

/** Keys are as they are here; in the event JSON of S3 they are encoded. */
function readEventBridge(value: object, event: S3Event): void {
  if (at(value, "detail-type") !== "Object Created") return void event.others++;
  event.objects.push(
    objectOf(at(value, "detail", "bucket", "name"), at(value, "detail", "object", "key")),
  );
}

function readRecord(record: object, event: S3Event): void {
  const name = at(record, "eventName");
  if (typeof name !== "string" || typeof at(record, "s3") !== "object") {
    throw notUnderstood("it has no event of S3");
  }
  // S3 itself leaves "s3:" out.
  if (!/^(s3:)?ObjectCreated:/.test(name)) return void event.others++;
  const { bucket, key } = objectOf(
    at(record, "s3", "bucket", "name"),
    at(record, "s3", "object", "key"),
  );
  try {
    // As in a form: a blank is a plus sign.
    event.objects.push({ bucket, key: decodeURIComponent(key.replaceAll("+", " ")) });
  } catch {
    throw notUnderstood(`the key ${JSON.stringify(key.slice(0, 80))} is not URL-encoded`);
  }
}

function objectOf(bucket: unknown, key: unknown): NotifiedObject {
  if (typeof bucket === "string" && typeof key === "string") return { bucket, key };
  throw notUnderstood("an object in it has no bucket or no key");
}

function unpacked(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notUnderstood("a message in it is not JSON");
  }
}

function notUnderstood(problem: string): NotificationError {
  return new NotificationError(`The body is not a bucket notification: ${problem}`, FORMS);
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) {
      return undefined;
    }
    found = Reflect.get(found, name);
  }
  return found;
}
