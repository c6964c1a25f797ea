import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readJunit, readTimes, unfinishedTest } from "../../tools/test_report.ts";

const DENO = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="8" failures="2" errors="0" time="0.031">
  <testsuite name="./tests/a_test.ts" tests="2" disabled="0" errors="0" failures="1">
    <testcase name="outer" classname="./tests/a_test.ts" time="0.024" line="3" col="1">
      <failure message="1 test step failed">1 test step failed.</failure>
    </testcase>
    <testcase name="top level" classname="./tests/a_test.ts" time="0.000" line="16" col="1">
    </testcase>
  </testsuite>
  <testsuite name="ext:deno_node/testing.ts" tests="6" disabled="1" errors="0" failures="1">
    <testcase name="outer &gt; passes &quot;a&quot;" classname="x" time="0.001"></testcase>
    <testcase name="outer &gt; fails" classname="x" time="0.002">
      <failure message="Uncaught: a > b <testcase name='no'>">text</failure>
    </testcase>
    <testcase name="outer &gt; is skipped" classname="x"><skipped/></testcase>
    <testcase name="outer &gt; inner" classname="x" time="0.014"></testcase>
    <testcase name="outer &gt; inner &gt; twice" classname="x"></testcase>
    <testcase name="outer &gt; inner &gt; twice" classname="x"></testcase>
  </testsuite>
</testsuites>`;

const BUN = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="6" assertions="0" failures="1" skipped="1" time="0.09">
  <testsuite name="tests/a_test.ts" file="tests/a_test.ts" tests="6" failures="1" skipped="1">
    <testsuite name="outer" file="tests/a_test.ts" line="3" tests="5">
      <testcase name="passes &quot;a&quot;" classname="outer" time="0.001" line="5" />
      <testcase name="fails" classname="outer" line="6">
        <failure type="AssertionError" message="1 !== 2&#10;">text&#10;</failure>
      </testcase>
      <testcase name="is skipped" classname="outer"><skipped /></testcase>
      <testsuite name="inner" file="tests/a_test.ts" line="11" tests="2">
        <testcase name="twice" classname="inner &gt; outer" />
        <testcase name="twice" classname="inner &gt; outer" />
      </testsuite>
    </testsuite>
    <testcase name="top level" classname="" time="0.00002" line="16" />
  </testsuite>
</testsuites>`;

describe("readJunit", () => {
  const expected = {
    failed: ["outer > fails"],
    passed: [
      "outer > inner > twice",
      "outer > inner > twice",
      'outer > passes "a"',
      "top level",
    ],
    skipped: ["outer > is skipped"],
  };

  for (const [name, xml] of [["Deno", DENO], ["Bun", BUN]] as const) {
    it(`counts each test and no suite in what ${name} writes`, () => {
      const { passed, failed, skipped } = readJunit(xml);
      assert.deepEqual({ passed: [...passed].sort(), failed, skipped }, expected);
    });
  }

  it("counts a suite whose hook failed, though its tests passed", () => {
    const xml = `<testsuites name="deno test"><testsuite name="a">
      <testcase name="suite"><failure message="Uncaught Error: hook">x</failure></testcase>
      <testcase name="suite &gt; test"></testcase></testsuite></testsuites>`;
    assert.deepEqual(readJunit(xml), { passed: ["suite > test"], failed: ["suite"], skipped: [] });
  });
});

describe("readTimes", () => {
  for (const [name, xml] of [["Deno", DENO], ["Bun", BUN]] as const) {
    it(`has the time of each test in what ${name} writes`, () => {
      assert.equal(readTimes(xml).get('outer > passes "a"'), 1);
    });
  }
});

describe("unfinishedTest", () => {
  it("names the test that Deno had begun", () => {
    const output = "running 1 test from ./h_test.ts\nhang ...\n  fine ... ok (0ms)\n  inner ...\n" +
      "    one ... ok (1ms)\n  inner ... ok (1ms)\n  hangs ...\n------- output -------\nwords\n";
    assert.equal(unfinishedTest(output), 'while running "hang > hangs"');
  });

  it("names the last test that Bun had ended", () => {
    const output = "tests/h_test.ts:\n(pass) hang > fine [0.82ms]\n(fail) hang > two [3000.12ms]\n";
    assert.equal(unfinishedTest(output), 'after "hang > two"');
  });

  it("says so when there was none", () => {
    assert.equal(unfinishedTest("bun test v1.4.5\n"), "before its first test ended");
  });
});
