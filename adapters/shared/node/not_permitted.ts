import { printableLine } from "../../../src/base/text/printable.ts";

/** Deno's errors for a permission that is missing. */
const NAME = "NotCapable";

/** One line on what Deno does not permit; undefined for other errors. */
export function notPermitted(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each.name !== NAME) continue;
    const [, needed, flag] =
      /^Requires (.*), run again with the (--allow-\w+)/.exec(each.message) ?? [];
    return needed === undefined
      ? `Deno does not permit it: ${printableLine(each.message)}`
      : `Deno does not permit ${
        printableLine(needed)
      }: add ${flag} for it; docs/run/deno-permissions.md has the flags for each way of running`;
  }
  return undefined;
}
