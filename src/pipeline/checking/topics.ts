import { quote } from "../reading/schema.ts";

const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/;
const SUBJECT = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64})*$/;
const PATTERN = "write s3a://bucket or s3a://bucket/prefix";

export interface BucketTopic {
  readonly bucket: string;
  readonly prefix: string;
}

/** Takes `s3a://bucket/prefix` apart; a string is what is wrong with it. */
export function parseBucketTopic(topics: string): BucketTopic | string {
  const match = /^s3a:\/\/([^/]*)(?:\/([^]*))?$/.exec(topics);
  const shown = quote(topics);
  if (!match) return `topics ${shown} is no bucket; ${PATTERN}`;
  const bucket = match[1]!;
  const prefix = match[2] ?? "";
  if (bucket === "") return `topics ${shown} names no bucket; ${PATTERN}`;
  if (!BUCKET.test(bucket)) {
    return `bad bucket name ${
      quote(bucket)
    }; a bucket has 2 to 63 letters, digits, dots, dashes or underscores and begins with a letter or digit`;
  }
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(prefix)) {
    return `topics ${shown} has control characters; ${PATTERN}`;
  }
  const segments = prefix.split("/");
  if (prefix.startsWith("/") || segments.includes(".") || segments.includes("..")) {
    return `prefix ${
      JSON.stringify(prefix)
    } cannot be addressed; it must not begin with "/" or have "." or ".." between slashes`;
  }
  if (new TextEncoder().encode(prefix).length > 1024) {
    return "prefix is longer than any key; shorten it to 1024 bytes";
  }
  return { bucket, prefix };
}

/** What is wrong with a subject; undefined if nothing is. */
export function subjectProblem(subject: string, needsDot: boolean): string | undefined {
  const shown = quote(subject);
  if (!SUBJECT.test(subject)) {
    return `bad subject ${shown}; write stream.subject of [A-Za-z0-9_-] parts joined by dots, without spaces or wildcards`;
  }
  return needsDot && !subject.includes(".")
    ? `${shown} has no dot; write stream.subject`
    : undefined;
}

/** What is wrong with the name of an Elasticsearch index; undefined if nothing is. */
export function indexProblem(index: string): string | undefined {
  if (/^[a-z0-9][a-z0-9._-]{0,254}$/.test(index)) return undefined;
  return `bad index name ${
    quote(index)
  }; use up to 255 small letters, digits, dots, dashes and underscores`;
}
