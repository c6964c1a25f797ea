import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { format, inspect } from "node:util";
import { Secret } from "../../src/base/secret.ts";
import { newSecret } from "../support/run_record.ts";

/** What the runtime's own console makes of it. */
function shownByRuntime(value: unknown): string {
  if ("Deno" in globalThis) {
    const { Deno } = globalThis as { Deno?: { inspect(value: unknown): string } };
    return Deno!.inspect(value);
  }
  const { Bun } = globalThis as { Bun?: { inspect(value: unknown): string } };
  return Bun!.inspect(value);
}

describe("Secret", () => {
  it("shows its text to reveal() alone, however it is printed", () => {
    const text = newSecret();
    const secret = new Secret(text);
    const shown = [
      String(secret),
      `${secret}`,
      "" + secret,
      secret.toString(),
      JSON.stringify({ secret }),
      JSON.stringify([secret]),
      format("%s %j %o %O", secret, secret, secret, secret),
      inspect({ secret }, { showHidden: true, depth: 9 }),
      shownByRuntime({ secret }),
      String(new Error(`no ${secret}`)),
      Object.entries(secret).join(),
      Reflect.ownKeys(secret).join(),
      JSON.stringify(structuredClone(secret)),
    ];
    for (const each of shown) assert.ok(!each.includes(text), each.replaceAll(text, "THE SECRET"));
    assert.equal(String(secret), "***");
    assert.equal(JSON.stringify({ secret }), '{"secret":"***"}');
    assert.equal(secret.reveal(), text);
  });
});
