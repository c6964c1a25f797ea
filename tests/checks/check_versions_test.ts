import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { checkVersions, type VersionFiles } from "../../tools/check_versions.ts";

const integrity = "sha512-x";

function files(
  change: Partial<Record<keyof VersionFiles, (value: Json) => void>> = {},
): VersionFiles {
  const contents: Record<keyof VersionFiles, Json> = {
    denoJson: { version: "1.0.0", imports: { yaml: "npm:yaml@2.0.0", kflow: "./mod.ts" } },
    packageJson: {
      version: "1.0.0",
      dependencies: { yaml: "2.0.0" },
      devDependencies: { deno: "3.0.0" },
    },
    packageLock: {
      packages: {
        "": {
          version: "1.0.0",
          dependencies: { yaml: "2.0.0" },
          devDependencies: { deno: "3.0.0" },
        },
        "node_modules/yaml": { version: "2.0.0", integrity },
      },
    },
    denoLock: { specifiers: { "npm:yaml@2.0.0": "2.0.0" } },
  };
  for (const [name, edit] of Object.entries(change)) edit(contents[name as keyof VersionFiles]);
  return Object.fromEntries(
    Object.entries(contents).map(([name, value]) => [name, JSON.stringify(value)]),
  ) as unknown as VersionFiles;
}

interface Json {
  version?: string;
  imports?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  packages?: Record<string, Json & { integrity?: string; resolved?: string }>;
  specifiers?: Record<string, string>;
}

describe("checkVersions", () => {
  it("finds nothing where all agree", () => {
    assert.deepEqual(checkVersions(files()), []);
  });

  it("finds another version of the project", () => {
    const problems = checkVersions(files({ denoJson: (json) => json.version = "1.0.1" }));
    assert.deepEqual(problems, ["deno.json has version 1.0.1, package.json 1.0.0"]);
  });

  it("finds another version of a dependency", () => {
    const problems = checkVersions(
      files({ denoJson: (json) => json.imports = { yaml: "npm:yaml@2.0.1" } }),
    );
    assert.deepEqual(problems, [
      "yaml is 2.0.0 in package.json and 2.0.1 in deno.json",
      "deno.lock lacks npm:yaml@2.0.1",
      "deno.lock has npm:yaml@2.0.0, which deno.json lacks: every first run would fetch it",
    ]);
  });

  it("finds a dependency that only one file has", () => {
    const problems = checkVersions(
      files({
        denoJson: (json) => json.imports = { zod: "npm:zod@4.0.0", yaml: "npm:yaml@2.0.0" },
      }),
    );
    assert.deepEqual(problems, [
      "zod is absent in package.json and 4.0.0 in deno.json",
      "deno.lock lacks npm:zod@4.0.0",
    ]);
  });

  it("finds a range in place of a version", () => {
    const problems = checkVersions(
      files({
        packageJson: (json) => json.devDependencies = { deno: "^3.0.0" },
        packageLock: (json) => json.packages![""]!.devDependencies = { deno: "^3.0.0" },
      }),
    );
    assert.deepEqual(problems, ['package.json: deno "^3.0.0" is not one exact version']);
  });

  it("finds a lock file that was left behind", () => {
    const problems = checkVersions(
      files({ packageLock: (json) => json.packages![""]!.dependencies = { yaml: "1.9.0" } }),
    );
    assert.deepEqual(problems, ["yaml is 2.0.0 in package.json and 1.9.0 in package-lock.json"]);
  });

  it("finds a package in Deno's lock file that only tests need", () => {
    const problems = checkVersions(
      files({ denoLock: (json) => json.specifiers!["npm:deno@3.0.0"] = "3.0.0" }),
    );
    assert.deepEqual(problems, [
      "deno.lock has npm:deno@3.0.0, which deno.json lacks: every first run would fetch it",
    ]);
  });

  it("finds a registry in the lock file", () => {
    const problems = checkVersions(
      files({
        packageLock: (json) =>
          json.packages!["node_modules/yaml"]!.resolved = "https://example.org/y.tgz",
      }),
    );
    assert.deepEqual(problems, [
      'package-lock.json: node_modules/yaml names a registry: remove "resolved"',
    ]);
  });
});
