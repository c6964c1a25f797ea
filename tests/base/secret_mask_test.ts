import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Secret } from "../../src/base/secret.ts";
import { SecretMask } from "../../src/base/secret_mask.ts";
import { secretForms } from "../../tools/secret_forms.ts";

describe("SecretMask", () => {
  for (const secret of ["s3cret", 'p w+/%"<&ü', "(a.*[b]|c)^$\\", "x".repeat(300)]) {
    it(`takes out ${JSON.stringify(secret.slice(0, 20))} however it is written`, () => {
      const mask = new SecretMask([new Secret(secret)]);
      for (const form of secretForms(secret)) {
        assert.equal(mask.apply(`before ${form} after`), "before *** after");
      }
      assert.equal(mask.apply(`${secret}${secret}`), "******");
    });
  }

  it("takes out a pair that is encoded together, and the longest first", () => {
    const mask = new SecretMask([new Secret("s3cret"), "user:s3cret", "s3cret-and-more"]);
    assert.equal(mask.apply(`Basic ${btoa("user:s3cret")}`), "Basic ***");
    assert.equal(mask.apply("s3cret-and-more, s3cret"), "***, ***");
  });

  it("leaves text alone where there is no secret", () => {
    for (const none of [[], [undefined], [""], [new Secret("")]]) {
      assert.equal(new SecretMask(none).apply("text"), "text");
    }
    assert.equal(new SecretMask(["ab"]).apply("YWJ text"), "YWJ text");
  });
});
