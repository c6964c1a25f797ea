import { parseXml, type XmlElement } from "./xml_element.ts";

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

/** Characters before the root element of an answer: its declaration. A page of a listing is not searched to its end. */
const MAX_PROLOG = 1_000;

/** A page of ListObjectsV2. @throws {SyntaxError} if it is none. */
export function parseListPage(xml: string): ListPage {
  const root = rootOf(xml, "ListBucketResult");
  const encoded = root.textOf("EncodingType") === "url";
  return {
    objects: root.children.filter(({ name }) => name === "Contents")
      .map((entry) => listedObject(entry, encoded)),
    truncated: root.textOf("IsTruncated") === "true",
    nextToken: root.textOf("NextContinuationToken") || undefined,
  };
}

/** The id that a multipart upload was given. @throws {SyntaxError} if there is none. */
export function parseUploadId(xml: string): string {
  const id = rootOf(xml, "InitiateMultipartUploadResult").textOf("UploadId");
  if (!id) throw new SyntaxError("the answer has no UploadId");
  return id;
}

/** The ETag that a completed upload was given. @throws {SyntaxError} if the answer says nothing of the kind. */
export function parseCompletedEtag(xml: string): string {
  const etag = rootOf(xml, "CompleteMultipartUploadResult").textOf("ETag");
  if (!etag) throw new SyntaxError("the answer has no ETag");
  return unquoted(etag);
}

/** The error in a body, also where the status says 200, after blanks that kept the connection open; undefined if it holds none. */
export function parseErrorBody(text: string): S3ErrorBody | undefined {
  if (!/<Error[ >]/.test(text.trimStart().slice(0, MAX_PROLOG))) return undefined;
  try {
    const root = rootOf(text, "Error");
    return { code: root.textOf("Code"), message: root.textOf("Message") };
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
  const start = etag.startsWith("W/") ? 2 : 0;
  const isQuoted = etag.length > start + 1 && etag[start] === '"' && etag.endsWith('"');
  return isQuoted ? etag.slice(start + 1, -1) : etag;
}

function rootOf(xml: string, name: string): XmlElement {
  const root = parseXml(xml);
  if (root.name !== name) throw new SyntaxError(`the answer is no ${name}`);
  return root;
}

function listedObject(entry: XmlElement, encoded: boolean): ListedObject {
  const raw = entry.textOf("Key");
  const key = encoded ? urlDecoded(raw) : raw;
  const size = Number(entry.textOf("Size") || NaN);
  const date = entry.textOf("LastModified");
  const lastModifiedUnixMilli = Date.parse(date);
  if (
    key === "" || !Number.isSafeInteger(size) || size < 0 || Number.isNaN(lastModifiedUnixMilli)
  ) {
    const found = JSON.stringify({ key: raw, size: entry.textOf("Size"), date }).slice(0, 200);
    throw new SyntaxError(`a listed object lacks key, size or date: ${found}`);
  }
  return { key, size, etag: unquoted(entry.textOf("ETag")), lastModifiedUnixMilli };
}

/** A `+` is a space in this encoding. A key that is not UTF-8 stays encoded: reading it fails, and only it. */
function urlDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function escapeXml(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "amp", "<": "lt", ">": "gt", '"': "quot" };
  return text.replace(/[&<>"]/g, (char) => `&${names[char]};`);
}
