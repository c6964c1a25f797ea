import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkIntegrity } from "../../tools/check_integrity.ts";
import { makeSbom } from "../../tools/sbom.ts";
import { thirdPartyText } from "../../tools/third_party.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const read = (name: string) => readFileSync(join(ROOT, name), "utf8");
const packageLock = read("package-lock.json");
const packageJson = read("package.json");

interface Entry {
  version: string;
  license?: string;
  dev?: boolean;
}

/** Every entry of the lock but the project itself, read without the code under test. */
const LOCKED = Object.entries(
  (JSON.parse(packageLock) as { packages: Record<string, Entry> }).packages,
)
  .filter(([path]) => path !== "");
const nameOf = (path: string) => path.split("node_modules/").at(-1)!;

describe("THIRD-PARTY.txt", () => {
  it("has a licence for every package that is not for development, and those of Bun", async () => {
    const text = await thirdPartyText();
    const parts = text.split(/^={80}\n(?=\S)/m).slice(1);
    for (const [path, { version, license, dev }] of LOCKED) {
      const title = `${nameOf(path)} ${version} (${license})`;
      const part = parts.find((each) => each.startsWith(`${title}\n`));
      if (dev) {
        assert.equal(part, undefined, title);
        continue;
      }
      assert.ok(part !== undefined, `${title} is missing`);
      assert.ok(part.length > 500, `${title} has no whole text`);
      assert.match(part, /permission|licen[cs]e|unencumbered/i, title);
    }
    assert.match(text, /^Bun \d+\.\d+\.\d+: its runtime is part of the binary$/m);
    assert.match(text, /JavaScriptCore \(and WebKit\) which is LGPL-2 licensed/);
    assert.match(text, /GNU LIBRARY GENERAL PUBLIC LICENSE\s+Version 2, June 1991/);
    assert.match(text, /GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1, February 1999/);
  });
});

describe("the bill of materials", () => {
  const sbom = makeSbom({ packageJson, packageLock });
  const { components, dependencies, metadata } = sbom;

  it("lists every package of the lock once, with version, licence and hash", () => {
    assert.deepEqual(
      components.map((each) => `${each["bom-ref"]} ${each.version}`),
      LOCKED.map(([path, { version }]) => `${path} ${version}`),
    );
    for (const { purl, scope, licenses, hashes, name, group, version } of components) {
      const full = group === undefined ? name : `${group}/${name}`;
      assert.equal(decodeURIComponent(purl), `pkg:npm/${full}@${version}`);
      assert.match(scope!, /^(required|optional|excluded)$/);
      assert.equal(licenses?.length, 1, purl);
      assert.equal(hashes?.length, 1, purl);
      assert.equal(hashes![0]!.alg, "SHA-512");
      assert.match(hashes![0]!.content, /^[0-9a-f]{128}$/);
    }
    const required = components.filter(({ scope }) => scope === "required").map(({ name }) => name);
    assert.ok(required.includes("avsc") && required.includes("bun"));
    assert.ok(!required.includes("typescript"));
  });

  it("has the form of CycloneDX 1.6: references that are unique and lead to components", () => {
    assert.equal(sbom.bomFormat, "CycloneDX");
    assert.equal(sbom.specVersion, "1.6");
    assert.equal(sbom.version, 1);
    const self = metadata.component;
    const { version } = JSON.parse(packageJson) as { version: string };
    assert.deepEqual([self.type, self.name, self.version], ["application", "kflow", version]);
    const refs = [self, ...components].map((each) => each["bom-ref"]);
    assert.equal(new Set(refs).size, refs.length);
    assert.deepEqual(dependencies.map(({ ref }) => ref), refs);
    for (const { ref, dependsOn } of dependencies) {
      assert.equal(new Set(dependsOn).size, dependsOn.length, ref);
      for (const each of dependsOn) assert.ok(refs.includes(each), `${ref} needs ${each}`);
    }
    const { dependencies: named, devDependencies } = JSON.parse(packageJson) as Record<
      string,
      object
    >;
    assert.deepEqual(
      dependencies[0]!.dependsOn.map(nameOf).sort(),
      Object.keys({ ...named, ...devDependencies }).sort(),
    );
    for (const each of [self, ...components]) {
      for (const license of each.licenses ?? []) {
        if ("license" in license) assert.match(license.license.id, /^[\w.+-]+$/);
        else assert.match(license.expression, /^\(?[\w.+-]+( (AND|OR|WITH) [\w.+-]+)+\)?$/);
      }
    }
  });

  it("finds a package beside its user before one further up", () => {
    const lock = (packages: object) => JSON.stringify({ packages });
    const { dependencies } = makeSbom({
      packageJson,
      packageLock: lock({
        "": { dependencies: { a: "1", b: "1" } },
        "node_modules/a": { version: "1.0.0", dependencies: { b: "2", "@x/c": "1", gone: "1" } },
        "node_modules/a/node_modules/b": { version: "2.0.0", dependencies: { "@x/c": "1" } },
        "node_modules/b": { version: "1.0.0" },
        "node_modules/@x/c": { version: "1.0.0", dependencies: { b: "1" } },
      }),
    });
    assert.deepEqual(dependencies, [
      { ref: "kflow", dependsOn: ["node_modules/a", "node_modules/b"] },
      { ref: "node_modules/a", dependsOn: ["node_modules/@x/c", "node_modules/a/node_modules/b"] },
      { ref: "node_modules/a/node_modules/b", dependsOn: ["node_modules/@x/c"] },
      { ref: "node_modules/b", dependsOn: [] },
      { ref: "node_modules/@x/c", dependsOn: ["node_modules/b"] },
    ]);
  });
});

describe("checkIntegrity", () => {
  const GOOD = `sha512-${"A".repeat(86)}==`;
  const OTHER = `sha512-${"B".repeat(86)}==`;
  const check = (ours: string | undefined, deno: string | undefined) =>
    checkIntegrity({
      packageLock: JSON.stringify({
        packages: { "": {}, "node_modules/a": { version: "1.0.0", integrity: ours } },
      }),
      denoLock: JSON.stringify({ npm: { "a@1.0.0": { integrity: deno } } }),
    });

  it("finds nothing in locks that agree", () => {
    assert.deepEqual(check(GOOD, GOOD), []);
    assert.deepEqual(checkIntegrity({ packageLock, denoLock: read("deno.lock") }), []);
  });

  it("finds what has none or a weak one, and what differs", () => {
    assert.match(
      check(undefined, GOOD).join(),
      /^package-lock\.json: node_modules\/a has no integrity/,
    );
    assert.match(
      check("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", GOOD).join(),
      /^package-lock\.json: node_modules\/a/,
    );
    assert.match(check(GOOD, undefined).join(), /^deno\.lock: a@1\.0\.0 has no integrity/);
    assert.match(check(GOOD, OTHER).join(), /^deno\.lock: a@1\.0\.0 has another integrity/);
  });
});
