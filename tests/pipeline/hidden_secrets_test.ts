import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Meta } from "../../src/pipeline/plan/meta.ts";
import { newSecret } from "../support/run_record.ts";
import { load } from "./support/load.ts";
import { base, type PipelineText } from "./support/pipeline_text.ts";

const secret = newSecret();
const url = `nats://me:${secret}@host:4222`;

/** Pipelines that are wrong at the place of a secret. */
const MISTAKES: readonly [what: string, pipeline: PipelineText, set?: string[]][] = [
  ["an address where a mapping belongs: store", base.under(`globalConfig: {store: "${url}"}\n`)],
  ["an address where a mapping belongs: nats", base.under(`globalConfig: {nats: "${url}"}\n`)],
  [
    "an address without its host where a mapping belongs",
    base.under(`globalConfig: {nats: "nats://me:${secret}"}\n`),
  ],
  ["a plain text where a mapping belongs", base.under(`globalConfig: {nats: ${secret}}\n`)],
  [
    "an address where a mapping belongs: sideStream",
    base.under(`globalConfig: {sideStream: "${url}"}\n`),
  ],
  ["an address where a number belongs", base.under(`parallelism: "${url}"\n`)],
  ["an address where a word belongs", base.under(`mode: "${url}"\n`)],
  ["an address where a list belongs", base.but("[work]", `"${url}"`)],
  ["a password that is a list", base.under(`globalConfig: {store: {password: [${secret}]}}\n`)],
  [
    "a password without a space before it",
    base.under(`globalConfig: {store: {user: me, password:${secret}}}\n`),
  ],
  ["a token with an equals sign", base.under(`globalConfig: {nats: {token=${secret}}}\n`)],
  ["a block scalar's header", base.under(`globalConfig:\n  nats:\n    token: |${secret}\n`)],
  ["a bad escape", base.under(`globalConfig: {nats: {token: "\\U${secret}"}}\n`)],
  [
    "a password that looks like an alias",
    base.under(`globalConfig: {nats: {token: *${secret}}}\n`),
  ],
  ["a password that looks like a tag", base.under(`globalConfig: {nats: {token: !${secret}}}\n`)],
  ["a directive", base.under(`%${secret} 1\n---\n`)],
  [
    "an address with a query",
    base.under(`globalConfig: {nats: {addr: "wss://host/path?token=${secret}"}}\n`),
  ],
  [
    "a bucket with credentials",
    base.but("s3a://docs", `s3a://me:${secret}@bucket`),
  ],
  ["variables as one text", base.plus(`    env: "PASSWORD=${secret}"\n`)],
  ["variables as a list of texts", base.plus(`    env: ["PASSWORD=${secret}"]\n`)],
  ["a variable's name with its value", base.plus(`    env: [{name: "PASSWORD=${secret}"}]\n`)],
  ["meta as one text", base.plus(`    meta: "password=${secret}"\n`)],
  ["--set with a colon", base, [`globalConfig.store.password:${secret}`]],
  ["--set without a sign", base, [`globalConfig.store.password ${secret}`]],
  ["--set of a key in a password", base, [`globalConfig.store.password.${secret}=1`]],
  ["--set of an address", base, [`globalConfig.nats=${url}`]],
  ["--set of a number", base, [`parallelism=${url}`]],
];

describe("a mistake beside a secret", () => {
  for (const [what, { text }, set] of MISTAKES) {
    it(`does not print it: ${what}`, async () => {
      const { errors, warnings } = await load(text, set && { set });
      assert.ok(errors.length > 0, "this is no mistake");
      for (const finding of [...errors, ...warnings]) {
        assert.ok(!finding.includes(secret.slice(7, 14)), finding.replaceAll(secret, "SECRET"));
      }
    });
  }

  it("does not print it: a password under meta, read as another type", () => {
    for (const key of ["api.key", "elastic.password", "TOKEN", "clientSecret"]) {
      const meta = new Meta("work", new Map([[key, secret]]));
      assert.throws(() => meta.getInteger(key), /expected integer, got string$/);
    }
  });

  it("of the right type prints none either", async () => {
    const { errors, warnings } = await load(
      base.under(`globalConfig: {nats: {addr: "${url}"}}\n`).text,
    );
    assert.deepEqual(errors, []);
    assert.ok(!JSON.stringify(warnings).includes(secret));
  });
});
