/** Equal to the versions in `deno.json` and `package.json`; a check holds them together. */
export const VERSION = "0.1.0";
