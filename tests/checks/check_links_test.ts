import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anchorsOf, checkLinks } from "../../tools/check_links.ts";

describe("checkLinks()", () => {
  let root = "";
  before(() => {
    root = mkdtempSync(join(tmpdir(), "kflow-links-"));
    writeFileSync(join(root, "other.md"), "# Other page\n\n## What it is\n");
    writeFileSync(join(root, "image (1).png"), "");
  });
  after(() => rmSync(root, { recursive: true }));

  const check = (text: string) => checkLinks([{ path: "page.md", text }], root);

  it("accepts files, headings and what is on other hosts", () => {
    const text = `# Page

[a](other.md) [b](other.md#what-it-is) [c](#page) [d](https://example.org/x.md#y)
[e](mailto:a@b.c) ![f](image%20(1).png) [g](other.md "title")
`;
    assert.deepEqual(check(text), []);
  });

  it("names the line and the target of what leads nowhere", () => {
    assert.deepEqual(check("# Page\n\n[a](gone.md)\n[b](other.md#gone) [c](#gone)\n"), [
      'page.md:3: (gone.md) leads nowhere: no "gone.md"',
      'page.md:4: (other.md#gone) leads to no heading of "other.md"',
      'page.md:4: (#gone) leads to no heading of "page.md"',
    ]);
  });

  it("refuses what lies outside of the repository", () => {
    assert.match(check("[a](../x.md) [b](/etc/passwd)")[0]!, /leads out of the repository/);
    assert.match(check("[b](/etc/passwd)")[0]!, /leads out of the repository/);
  });

  it("does not take code for links", () => {
    const text = "`[a](gone.md)`\n\n```ts\nconst a = b[c](d);\n```\n\n```sh\n[x](y)\n```\n";
    assert.deepEqual(check(text), []);
  });
});

describe("anchorsOf()", () => {
  it("names headings as GitHub does, and numbers the same ones", () => {
    const text =
      '# A `b`: c?\n\n## [One](x.md)\n\n## One\n\n<a id="own"></a>\n\n```sh\n# no\n```\n';
    assert.deepEqual([...anchorsOf(text)], ["own", "a-b-c", "one", "one-1"]);
  });
});
