import { FilesError, type FilesErrorKind } from "../../../src/files/files.ts";
import { reasonOf } from "../../../src/base/errors.ts";
import { notPermitted } from "./not_permitted.ts";

const KIND_OF_CODE: Readonly<Record<string, FilesErrorKind>> = {
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
  NotCapable: "denied",
  PermissionDenied: "denied",
  EISDIR: "conflict",
  ENOTDIR: "conflict",
  EEXIST: "conflict",
  ENOTEMPTY: "conflict",
  ENAMETOOLONG: "bad-name",
  EINVAL: "bad-name",
  EILSEQ: "bad-name",
  ENOSPC: "no-room",
  EDQUOT: "no-room",
};

const REASON_OF_KIND: Readonly<Partial<Record<FilesErrorKind, string>>> = {
  denied: "the system does not permit it; check the owner and the permissions",
  conflict:
    "a file is where a folder is needed, or a folder with files in it where a file is to be",
  "bad-name": "the system does not take the name; a segment has at most 255 bytes",
  "no-room": "there is no room left; free some, or use another disk",
};

/** The system's code for an error, such as `ENOENT`; Deno's own permission errors have only a name. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = (error as Error & { code?: unknown }).code;
  return typeof code === "string" ? code : error.name;
}

/** What the file system said as the port says it; errors that are the port's own are passed through. */
export function toFilesError(
  error: unknown,
  place: { action: string; path: string; root: string },
): Error {
  if (error instanceof FilesError || error instanceof RangeError) return error;
  const { action, path, root } = place;
  const kind = KIND_OF_CODE[codeOf(error) ?? ""] ?? "failed";
  const reason = notPermitted(error) ?? REASON_OF_KIND[kind] ?? reasonOf(error);
  return new FilesError(`Cannot ${action} "${path}" in ${root}: ${reason}`, {
    kind,
    path,
    cause: error,
  });
}
