import type { Context } from "kflow";
import { mediaTypeOf, textOf } from "./media_type.ts";
import { pictureSize } from "./picture_size.ts";

/** What the task `list` emits for each document. */
interface Listed {
  bucket: string;
  key: string;
}

/** What this task emits: the fields of its `schema` in pipeline.yaml. */
interface Description {
  bucket: string;
  key: string;
  mediaType: string;
  size: number;
  sha256: string;
  /** Of a text, else null. */
  lines: number | null;
  /** Of a text, else null. */
  words: number | null;
  /** Of a picture, in pixels, else null. */
  width: number | null;
  /** Of a picture, in pixels, else null. */
  height: number | null;
}

/**
 * kflow calls this once for every document. `autoDownload` has already fetched it: its path is in `ctx.localPath`, and
 * `ctx.object()` reads it in the same way on every platform. What is returned goes to the next task.
 */
export default async function describe(record: Listed, ctx: Context): Promise<Description> {
  const content = await new Response(await ctx.object()).bytes();
  const text = textOf(content);
  const mediaType = mediaTypeOf(content, text);
  const picture = pictureSize(mediaType, content, text);
  ctx.log.debug("described a document", { key: record.key, mediaType });
  return {
    bucket: record.bucket,
    key: record.key,
    mediaType,
    size: content.length,
    sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex(),
    lines: text === undefined ? null : countLines(text),
    words: text === undefined ? null : countWords(text),
    width: picture?.width ?? null,
    height: picture?.height ?? null,
  };
}

/** Lines of a text; the last one counts with and without a line break at its end. */
export function countLines(text: string): number {
  const breaks = text.split("\n").length - 1;
  return text === "" || text.endsWith("\n") ? breaks : breaks + 1;
}

// Chinese and Japanese put no spaces between words: there each character counts as one. Elsewhere a word is a run of letters, marks
// and digits, in which single apostrophes and hyphens may stand. Intl.Segmenter would know real words, but not the same ones everywhere.
const WORD =
  /[[\p{L}\p{N}]&&[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}]]|[[\p{L}\p{M}\p{N}]--[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}]]+(?:['’\-][[\p{L}\p{M}\p{N}]--[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}]]+)*/gv;

/** Words of a text, in any language. */
export function countWords(text: string): number {
  return text.match(WORD)?.length ?? 0;
}
