import { XMLParser } from "fast-xml-parser";

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedUnixMilli: number;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  readonly truncated: boolean;
  readonly nextToken?: string;
}

export interface S3ErrorBody {
  readonly code: string;
  readonly message: string;
}

type XmlNode = Readonly<Record<string, unknown>>;

/** A page of 1,000 objects has less than 30 tags for each. */
const MAX_TAGS = 100_000;
/** Of one tag or the text between two: a key of 1,024 bytes, escaped in the longest way, has a third of it. */
const MAX_LENGTH = 64 * 1024;

// Entities stay as they are, to be decoded below: what the library expands can be declared by the document.
const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  maxNestedTags: 20,
  isArray: (name) => name === "Contents",
});

/** A page of ListObjectsV2. @throws {SyntaxError} if it is none. */
export function parseListPage(xml: string): ListPage {
  const root = rootOf(xml, "ListBucketResult");
  const encoded = textOf(root.EncodingType) === "url";
  const contents: readonly unknown[] = Array.isArray(root.Contents) ? root.Contents : [];
  return {
    objects: contents.map((entry) => listedObject(entry, encoded)),
    truncated: textOf(root.IsTruncated) === "true",
    nextToken: textOf(root.NextContinuationToken) || undefined,
  };
}

/** The id that a multipart upload was given. @throws {SyntaxError} if there is none. */
export function parseUploadId(xml: string): string {
  const id = textOf(rootOf(xml, "InitiateMultipartUploadResult").UploadId);
  if (!id) throw new SyntaxError("the answer has no UploadId");
  return id;
}

/** The ETag that a completed upload was given. @throws {SyntaxError} if the answer says nothing of the kind. */
export function parseCompletedEtag(xml: string): string {
  const etag = textOf(rootOf(xml, "CompleteMultipartUploadResult").ETag);
  if (!etag) throw new SyntaxError("the answer has no ETag");
  return unquoted(etag);
}

/** The error in a body, also where the status says 200; undefined if it holds none. */
export function parseErrorBody(text: string): S3ErrorBody | undefined {
  if (!text.includes("<Error>") && !text.includes("<Error ")) return undefined;
  try {
    const root = rootOf(text, "Error");
    return { code: textOf(root.Code), message: textOf(root.Message) };
  } catch {
    return undefined;
  }
}

export function completeUploadXml(etags: readonly string[]): string {
  const parts = etags.map((etag, index) =>
    `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escapeXml(`"${etag}"`)}</ETag></Part>`
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${
    parts.join("")
  }</CompleteMultipartUpload>`;
}

/** An ETag as it is compared: without quotes. */
export function unquoted(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/s, "$1");
}

function rootOf(xml: string, name: string): XmlNode {
  if (/<!DOCTYPE/i.test(xml)) throw new SyntaxError("the answer declares a document type");
  checkParts(xml);
  let document: unknown;
  try {
    document = parser.parse(xml.trim(), true);
  } catch (cause) {
    throw new SyntaxError(`the answer is no XML: ${String(cause)}`, { cause });
  }
  const root = isNode(document) ? document[name] : undefined;
  // An element without children is the empty text.
  if (root === "") return {};
  if (!isNode(root)) throw new SyntaxError(`the answer is no ${name}`);
  return root;
}

/** For megabytes of tags, or one of text, the parser takes seconds and a hundred times the memory. */
function checkParts(xml: string): void {
  let tags = 0;
  let end = -1;
  for (let at = xml.indexOf("<"); at >= 0; at = xml.indexOf("<", end)) {
    const text = at - end;
    end = xml.indexOf(">", at);
    if (end < 0) throw new SyntaxError("the answer is no XML: a tag does not end");
    if (++tags > MAX_TAGS || Math.max(text, end - at) > MAX_LENGTH) {
      throw new SyntaxError("the answer has too many parts, or one that is too long");
    }
  }
}

function listedObject(entry: unknown, encoded: boolean): ListedObject {
  if (!isNode(entry)) throw new SyntaxError("a listed object has no fields");
  const raw = textOf(entry.Key);
  const key = encoded ? urlDecoded(raw) : raw;
  const size = Number(textOf(entry.Size) || NaN);
  const lastModifiedUnixMilli = Date.parse(textOf(entry.LastModified));
  if (
    key === "" || !Number.isSafeInteger(size) || size < 0 || Number.isNaN(lastModifiedUnixMilli)
  ) {
    throw new SyntaxError(
      `a listed object lacks key, size or date: ${JSON.stringify(entry).slice(0, 200)}`,
    );
  }
  return { key, size, etag: unquoted(textOf(entry.ETag)), lastModifiedUnixMilli };
}

/** A `+` is a space in this encoding. A key that is not UTF-8 stays encoded: reading it fails, and only it. */
function urlDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? decodeEntities(value) : "";
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([a-z]{2,4}));/g, (all, ...found) => {
    const [decimal, hexadecimal, name] = found as (string | undefined)[];
    if (name !== undefined) return ENTITIES[name] ?? all;
    const code = decimal === undefined ? parseInt(hexadecimal ?? "", 16) : parseInt(decimal, 10);
    return code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}

function escapeXml(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" };
  return text.replace(/[&<>"]/g, (char) => `&${names[char]};`);
}

function isNode(value: unknown): value is XmlNode {
  return typeof value === "object" && value !== null;
}
