import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Secret } from "../../../src/base/secret.ts";
import { S3Store } from "../../../src/store/s3/s3_store.ts";
import { startFaultServer } from "../../support/servers/fault_server.ts";
import { runFlow } from "../../support/in_process/flow.ts";
import { newSecret } from "../../support/run_record.ts";

const PASSWORD = newSecret();
const PIPELINE = `
mode: batch
name: test
globalConfig: {store: {addr: "memory:"}}
dag:
  - {id: list, type: fs-source, format: list, topics: s3a://docs, meta: {checkpoint: true}, out: [show]}
  - {id: show, type: print}
`;

const object = (key: string) =>
  `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag>` +
  `<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`;
const page = (inside: string) => `<ListBucketResult>${inside}</ListBucketResult>`;
const goesOn = (token: string) =>
  `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>`;

interface Lie {
  /** Answers to the requests for pages before the server tells the truth. */
  readonly answer: (index: number) => { status?: number; body: string; location?: string };
  /** How many requests of this kind there may be in one listing. */
  readonly most: number;
  readonly reason: RegExp;
}

const LIES: Readonly<Record<string, Lie>> = {
  "the same token again and again": {
    answer: (i) => ({ body: page(object(`k${i}`) + goesOn("same")) }),
    most: 2,
    reason: /cut off without a way to go on/,
  },
  "new tokens for the same keys": {
    answer: (i) => ({ body: page(object("k0") + goesOn(`t${i}`)) }),
    most: 2,
    reason: /goes back from "k0" to "k0"/,
  },
  "new tokens and no keys": {
    answer: (i) => ({ body: page(goesOn(`t${i}`)) }),
    most: 101,
    reason: /does not end/,
  },
  "a million tags": {
    answer: () => ({ body: page("<a/>".repeat(1_000_000)) }),
    most: 1,
    reason: /too many parts/,
  },
  "an entity bomb": {
    answer: () => ({ body: `<!DOCTYPE x [<!ENTITY a "&a;&a;">]>${page(object("&a;"))}` }),
    most: 1,
    reason: /declares a document type/,
  },
};

/** Lists from a server that lies until it is told of, and is honest after that. */
async function listThrough({ answer, most }: Lie) {
  let isHonest = false;
  let other = 0;
  const elsewhere = await startFaultServer((_, response) => {
    other++;
    response.end();
  });
  let lies = 0;
  const server = await startFaultServer(({ path }, response) => {
    // The look at the bucket before anything is listed.
    const isCheck = path.includes("max-keys=1");
    if (isHonest || isCheck) return void response.end(page(object("k0") + object("k1")));
    const { status = 200, body } = answer(lies++);
    response.writeHead(status, { location: elsewhere.endpoint });
    response.end(body);
  });
  const store = new S3Store({
    endpoint: server.endpoint,
    user: "someone",
    password: new Secret(PASSWORD),
  });
  try {
    const warned: string[] = [];
    const result = await runFlow({
      yaml: PIPELINE,
      store,
      told(line) {
        if (!String(line.message).startsWith("Source failed")) return;
        warned.push(String(line.error));
        isHonest = true;
      },
    });
    return { result, warned, lies };
  } finally {
    await store.close();
    await server.stop();
    await elsewhere.stop();
    assert.equal(other, 0);
    assert.ok(lies <= most, `${lies} requests`);
  }
}

describe("fs-source on a server that lies", () => {
  for (const [what, lie] of Object.entries(LIES)) {
    it(
      `tells one clear error of ${what}, and each object once when the server is well`,
      async () => {
        const { result, warned } = await listThrough(lie);
        assert.equal(warned.length, 1);
        assert.match(warned[0]!, lie.reason);
        assert.match(warned[0]!, /^Cannot list bucket "docs" at http:/);
        const keys = result.printed.map((each) => (each as { key: string }).key);
        assert.deepEqual(keys.filter((key) => key === "k0" || key === "k1").sort(), ["k0", "k1"]);
        assert.ok(result.report.finished);
      },
    );
  }

  it(
    "ends with the reason where it is sent to another host, which sees nothing",
    async () => {
      const answer = () => ({ status: 307, body: "" });
      await assert.rejects(
        listThrough({ answer, most: 1, reason: /never/ }),
        /Cannot list bucket "docs" at http:\S+: the server redirects .*, which is not followed/,
      );
    },
  );
});
