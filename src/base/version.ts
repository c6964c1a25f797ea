/** Equal to the versions in `deno.json` and `package.json`; a check holds them together. */
export const VERSION = "0.1.0";

/** Put in by `npm run build:binary`. */
declare const BUILD_COMMIT: string | undefined;

/** The commit that a binary was built from, such as `1a2b3c4` or `1a2b3c4-changed`; undefined where the code runs from its sources. */
export const COMMIT = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : undefined;
