import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { s3Url } from "../../src/store/s3/url.ts";
import { completeUploadXml, parseErrorBody, parseListPage } from "../../src/store/s3/xml.ts";

function page(key: string, encoding = "", etag = "&quot;v1&quot;") {
  return parseListPage(
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
      `${encoding}<IsTruncated>false</IsTruncated>\n <Contents><Key>${key}</Key><ETag>${etag}</ETag>` +
      `<Size>12</Size><LastModified>2026-01-02T03:04:05.678Z</LastModified></Contents></ListBucketResult>`,
  );
}

describe("parseListPage()", () => {
  it("reads the fields of an object", () => {
    assert.deepEqual(page("a").objects, [{
      key: "a",
      size: 12,
      etag: "v1",
      lastModifiedUnixMilli: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    }]);
  });

  it("decodes url encoding only where the server says that it is used", () => {
    const url = "<EncodingType>url</EncodingType>";
    assert.equal(page("a+b%2Bc%20d%2520", url).objects[0]?.key, "a b+c d%20");
    assert.equal(page("a+b%20", "").objects[0]?.key, "a+b%20");
    assert.equal(page("bad%FF", url).objects[0]?.key, "bad%FF");
  });

  it("decodes the entities of XML once, and no others", () => {
    assert.equal(
      page("&amp;lt;&lt;&gt;&quot;&apos;&#65;&#x1F600;").objects[0]?.key,
      "&lt;<>\"'A😀",
    );
    for (const entity of ["&nbsp;", "&#x110000;", "&e;"]) {
      assert.throws(() => page(entity), SyntaxError);
    }
  });

  it("keeps blanks at the ends of a key and numbers as they are written", () => {
    assert.equal(page(" a ").objects[0]?.key, " a ");
    assert.equal(page("0012.50").objects[0]?.key, "0012.50");
    assert.equal(page("__proto__").objects[0]?.key, "__proto__");
  });

  it("an empty listing has no objects", () => {
    const empty = { objects: [], truncated: false, nextToken: undefined };
    assert.deepEqual(parseListPage("<ListBucketResult></ListBucketResult>"), empty);
    assert.deepEqual(parseListPage("<ListBucketResult/>"), empty);
    assert.deepEqual(
      parseListPage("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"),
      empty,
    );
  });

  it("takes marked sections for text", () => {
    assert.equal(page("a<![CDATA[<b>&amp;]]>").objects[0]?.key, "a<b>&amp;");
  });

  it("refuses what is cut short or is not well-formed", () => {
    for (
      const xml of [
        "<ListBucketResult><Contents>",
        "<ListBucketResult><IsTruncated></ListBucketResult>",
        "<ListBucketResult></ListBucketResult><ListBucketResult/>",
        "ListBucketResult",
      ]
    ) assert.throws(() => parseListPage(xml), SyntaxError, xml);
  });

  it("refuses an object that lacks key, size or date", () => {
    for (
      const contents of ["<Key>a</Key>", "<Key>a</Key><Size>-1</Size>", "<Size>1</Size>", "text"]
    ) {
      const xml = `<ListBucketResult><Contents>${contents}</Contents></ListBucketResult>`;
      assert.throws(() => parseListPage(xml), SyntaxError);
    }
  });
});

describe("parseErrorBody()", () => {
  it("finds the error of S3 and nothing elsewhere", () => {
    const xml = "\n<Error><Code>NoSuchKey</Code><Message>a &amp; b</Message></Error>";
    assert.deepEqual(parseErrorBody(xml), { code: "NoSuchKey", message: "a & b" });
    assert.equal(parseErrorBody(""), undefined);
    assert.equal(parseErrorBody("<html><Error></html>"), undefined);
    assert.equal(parseErrorBody("<ListBucketResult/>"), undefined);
  });
});

describe("completeUploadXml()", () => {
  it("numbers the parts from 1 and escapes what a server made up", () => {
    const xml = completeUploadXml(["a", "<b>"]);
    assert.match(xml, /<PartNumber>1<\/PartNumber><ETag>&quot;a&quot;<\/ETag>/);
    assert.match(xml, /<PartNumber>2<\/PartNumber><ETag>&quot;&lt;b&gt;&quot;<\/ETag>/);
  });
});

describe("s3Url()", () => {
  it("survives the URL parser unchanged, whatever the key", () => {
    const keys = ["a b+c", "?x#y", "%2F", "\\", "\t\n", "()!*'~", "é😀", "a//b", "..x/x..", "a/"];
    for (const key of keys) {
      const url = new URL(s3Url("http://h:1", { bucket: "bucket", key }));
      assert.equal(url.href, s3Url("http://h:1", { bucket: "bucket", key }));
      assert.equal(decodeURIComponent(url.pathname), `/bucket/${key}`);
      assert.equal(url.search + url.hash, "");
    }
  });

  it("encodes query values", () => {
    const url = s3Url("http://h:1", {
      bucket: "bucket",
      query: { prefix: "a+b &c=1/é", uploads: "" },
    });
    assert.equal(url, "http://h:1/bucket?prefix=a%2Bb%20%26c%3D1%2F%C3%A9&uploads=");
    assert.equal(new URL(url).searchParams.get("prefix"), "a+b &c=1/é");
  });
});
