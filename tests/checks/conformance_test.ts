import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { checkConformance } from "../../tools/check_conformance.ts";
import { readConformance } from "../../tools/read_conformance.ts";
import { toSource } from "../../tools/sources.ts";
import { runTestFile, type Runtime, RUNTIMES } from "../../tools/test_file.ts";
import { EMPTY_REPORT, type FileReport } from "../../tools/test_report.ts";
import { Commands } from "../../tools/process.ts";
import { unprovenRows } from "../../tools/unproven_rows.ts";
import { PlantedRepository } from "./planted_repository.ts";

const SOURCES = [
  toSource(
    "tests/runtime/a_test.ts",
    `import { common } from "../contracts/common.ts";
onBothBrokers("a suite", () => {
  it("a test", () => {});
  it(\`is off with \${meta}\`, () => {});
  it(\`\${all}\`, () => {});
  common();
});`,
  ),
  toSource(
    "tests/contracts/common.ts",
    `export function common() { it('of "a" contract', () => {}); }`,
  ),
];

function table(...tests: string[]): string {
  return `# Table

| behaviour | how kflow does it | tests |
| --- | --- | --- |
| It works | so | ${tests.map((test) => `\`${test}\``).join("<br>")} |
`;
}

function verdict(text: string): string {
  return checkConformance(text, SOURCES).join("\n");
}

describe("checkConformance", () => {
  const NAMED = "tests/runtime/a_test.ts: a suite > a test";

  for (
    const [what, test] of [
      ["a test", NAMED],
      [
        "a test whose name is made of a template",
        "tests/runtime/a_test.ts: a suite > is off with x",
      ],
      ["a test of a contract", 'tests/runtime/a_test.ts: a suite > of "a" contract'],
    ] as const
  ) {
    it(`finds ${what}`, () => assert.equal(verdict(table(test)), ""));
  }

  for (
    const [what, text, says] of [
      ["a row without a test", table(), /:5: "It works" names no test/],
      [
        "a file that is not there",
        table("tests/runtime/b_test.ts: a suite > a test"),
        /:5: "It works" names tests\/runtime\/b_test\.ts, which is not there/,
      ],
      [
        "a test that is not there, beside one that is",
        table(NAMED, "tests/runtime/a_test.ts: a suite > another test"),
        /:5: "It works" names "another test", which tests\/runtime\/a_test\.ts does not have/,
      ],
      [
        "a part of a name",
        table("tests/runtime/a_test.ts: a suite > a te"),
        /names "a te"/,
      ],
      [
        "a suite that is not there",
        table("tests/runtime/a_test.ts: suite > a test"),
        /names "suite"/,
      ],
      [
        "a test without its file in the right form",
        table("runtime/a_test.ts > a test"),
        /"runtime\/a_test\.ts > a test" is not written as/,
      ],
      ["a cell too many", table(NAMED).replace("so |", "so | or so |"), /4 cells/],
      [
        "a test in the last section that is not there",
        `${table(NAMED)}- More. \`tests/runtime/a_test.ts: a suite > more\``,
        /names "more"/,
      ],
      ["an empty table", "# Table\n", /no row that names a test/],
    ] as const
  ) {
    it(`refuses ${what}`, () => assert.match(verdict(text), says));
  }
});

describe("checkConformance of other documents", () => {
  const LINK = "[a_test.ts](../tests/runtime/a_test.ts)";
  const check = (text: string) => checkConformance(text, SOURCES, "docs/x.md").join("\n");

  it("takes a link for all tests of a file", () => {
    assert.equal(check(`| fault | tests |\n| --- | --- |\n| It burns | ${LINK} |\n`), "");
    assert.match(
      check(`| fault | tests |\n| --- | --- |\n| It burns | ${LINK.replaceAll("a_", "b_")} |\n`),
      /^docs\/x\.md:3: "It burns" names tests\/runtime\/b_test\.ts, which is not there/,
    );
  });

  it("wants tests of rows whose table has a column for them, and of bullets among promises", () => {
    const figures = "| seed | lost |\n| --- | --- |\n| 1 | 0 |\n";
    const bare = "| what | how it is tested |\n| --- | --- |\n| It burns | well |\n";
    const promise = "## What is promised\n\n- No fire.\n\n## What is not promised\n\n- Water.\n";
    assert.equal(check(`- ${LINK}\n\n${figures}`), "");
    assert.equal(check(`- ${LINK}\n\n${bare}`), 'docs/x.md:5: "It burns" names no test');
    assert.equal(check(`- ${LINK}\n\n${promise}`), 'docs/x.md:5: "No fire." names no test');
  });
});

describe("unprovenRows", () => {
  const EMBEDDED = "a suite, on the embedded broker > a test";
  const NATS = "a suite, on a NATS server > a test";

  function unproven(
    reports: Partial<Record<Runtime, Partial<FileReport>>>,
    test = "tests/runtime/a_test.ts: a suite > a test",
  ): string[] {
    return unprovenRows(
      readConformance(table(test)).rows,
      new Map(
        (["deno", "bun"] as const).map((runtime) => [
          runtime,
          new Map([["tests/runtime/a_test.ts", { ...EMPTY_REPORT, ...reports[runtime] }]]),
        ]),
      ),
    );
  }

  it("finds nothing where the test passed on each runtime", () => {
    const passed = ["a suite > a test"];
    assert.deepEqual(unproven({ deno: { passed }, bun: { passed } }), []);
  });

  it("finds nothing where the test passed on both brokers on each runtime", () => {
    const passed = [EMBEDDED, NATS];
    assert.deepEqual(unproven({ deno: { passed }, bun: { passed } }), []);
  });

  it("wants a test of a whole file to pass, and none to fail", () => {
    const { rows } = readConformance(
      "| fault | tests |\n| --- | --- |\n| It burns | [a](tests/runtime/a_test.ts) |\n",
      "SECURITY.md",
    );
    const said = (report: Partial<FileReport>) =>
      unprovenRows(
        rows,
        new Map([["bun", new Map([["tests/runtime/a_test.ts", { ...EMPTY_REPORT, ...report }]])]]),
      );
    assert.deepEqual(said({ passed: ["a > b"], skipped: ["a > c"] }), []);
    assert.match(said({ passed: ["a > b"], failed: ["a > c"] }).join(), /"a > c" failed$/);
    assert.match(
      said({ skipped: ["a"] }).join(),
      /SECURITY\.md:3: "It burns" is not proven on bun: .*no test of it passed$/,
    );
  });

  const WHOLE = { passed: [EMBEDDED, NATS] };
  for (
    const [what, bun, says] of [
      ["did not run", {}, /on bun: tests\/runtime\/a_test\.ts: "a suite > a test" did not run$/],
      [
        "failed on one broker",
        { passed: [EMBEDDED], failed: [NATS] },
        /on bun: .*"a suite, on a NATS server > a test" failed$/,
      ],
      [
        "was skipped on one broker",
        { passed: [EMBEDDED], skipped: [NATS] },
        /"a suite, on a NATS server > a test" was skipped$/,
      ],
      [
        "was skipped with its suite",
        { passed: [EMBEDDED], skipped: ["a suite, on a NATS server"] },
        /"a suite, on a NATS server > a test" was skipped$/,
      ],
      [
        "ran on one broker only",
        { passed: [NATS] },
        /"a suite, on the embedded broker > a test" did not run$/,
      ],
      ["has another name", { passed: ["a suite > a test that"] }, /did not run$/],
    ] as const
  ) {
    it(`names the row whose test ${what}`, () => {
      const found = unproven({ deno: WHOLE, bun });
      assert.equal(found.length, 1);
      assert.match(
        found[0]!,
        /^docs\/internals\/conformance\.md:5: "It works" is not proven on bun: /,
      );
      assert.match(found[0]!, says);
    });
  }

  it("names the row whose file did not run at all", () => {
    const found = unproven({ deno: WHOLE, bun: WHOLE }, "tests/b_test.ts: a suite > a test");
    assert.equal(found.length, 2);
  });
});

describe("unprovenRows, of what runtimes say", () => {
  const commands = new Commands();
  const repository = new PlantedRepository({
    "tests/a_test.ts": `import { describe, it } from "node:test";
describe("a suite, on the embedded broker", () => {
  it("passes", () => {});
  it("fails", () => { throw new Error("no"); });
});
for (const skip of [false, true]) {
  describe(\`\${skip ? "another" : "a"} suite, on a NATS server\`, { skip }, () => {
    it("passes", () => {});
    it("fails", () => {});
  });
}
describe("another suite, on the embedded broker", () => { it("passes", () => {}); });
it("stands alone", () => {});
it("is skipped", { skip: true }, () => {});
`,
  });
  after(() => repository.remove());

  for (const runtime of RUNTIMES) {
    it(`names what did not pass on ${runtime}, and nothing else`, async () => {
      const { report } = await runTestFile(runtime, "tests/a_test.ts", {
        commands,
        cwd: repository.root,
        timeoutMs: 60_000,
      });
      const names = [
        "a suite > passes",
        "a suite > fails",
        "another suite > passes",
        "stands alone",
        "is skipped",
        "is not there",
      ];
      const { rows } = readConformance(table(...names.map((name) => `tests/a_test.ts: ${name}`)));
      const reports = new Map([[runtime, new Map([["tests/a_test.ts", report]])]]);
      const start =
        `docs/internals/conformance.md:5: "It works" is not proven on ${runtime}: tests/a_test.ts`;
      const [fails, inSkipped, ...rest] = unprovenRows(rows, reports);
      assert.equal(fails, `${start}: "a suite, on the embedded broker > fails" failed`);
      // Bun says nothing of a suite that was skipped as a whole.
      assert.match(
        inSkipped!,
        /"another suite, on a NATS server > passes" (was skipped|did not run)$/,
      );
      assert.deepEqual(rest, [
        `${start}: "is skipped" was skipped`,
        `${start}: "is not there" did not run`,
      ]);
    });
  }
});
