/** A file's path from the root, or its URL; not the path of another URL, which follows its host. */
const ABSOLUTE =
  /(?<![\w:/.@-])(?:file:\/\/)?\/(?:[^\s/:;,'"()<>[\]{}]+\/)+([^\s/:;,'"()<>[\]{}]*)/g;

/** A text for clients: paths of this machine are left out but for their last part. */
export function withoutPaths(text: string): string {
  return text.replaceAll(ABSOLUTE, "$1");
}

/** What clients are shown of an error's text as error records have it: its last line, which is the class and the reason. */
export function shownError(errorText: string): string {
  return withoutPaths(errorText.trimEnd().split("\n").at(-1) ?? "");
}
