import { Commands } from "../../tools/process.ts";
import { runTestFile } from "../../tools/test_file.ts";
import { ROOT } from "../measuring/run_script.ts";
import type { Measure, Measured } from "./measure.ts";

const FILE_LIMIT_MS = 300_000;
const ROUNDS = 3;

interface Timed {
  readonly what: string;
  readonly file: string;
  /** Names of the tests; the slowest counts. */
  readonly tests: RegExp;
  readonly atMostMs: number;
}

/** What these tests do is right by itself, but has to be fast too. In `npm test` their time is not judged. */
const TIMED: readonly Timed[] = [
  {
    what: "a hostile message or schema is refused",
    file: "tests/codec/avro_hostile_test.ts",
    tests: /refuses/,
    atMostMs: 300,
  },
  {
    what: "10,000 damaged messages are decoded",
    file: "tests/codec/avro_mutation_test.ts",
    tests: /decode\(\)/,
    atMostMs: 10_000,
  },
  {
    what: "a listing that is made to be expensive is refused",
    file: "tests/store/s3_lies_test.ts",
    tests: /made to be expensive > is (refused|read): /,
    atMostMs: 2_000,
  },
  {
    what: "a pipeline file that is made to be slow is refused",
    file: "tests/pipeline/mutation_test.ts",
    tests: /made to be slow > ends on/,
    atMostMs: 10_000,
  },
  {
    what: "100 websocket frames arrive though half are not answered",
    file: "tests/adapters/open_socket_test.ts",
    tests: /frames at once/,
    atMostMs: 1_000,
  },
  {
    what: "30,000 records at 20,000 a second",
    file: "tests/task_types/pacer_test.ts",
    tests: /20,000 a second in real time/,
    atMostMs: 1_600,
  },
];

export const testTimes: Measure = {
  name: "tests",
  about: "how long the slowest of some tests takes",
  async run({ runtimes, rounds = ROUNDS, say }) {
    const measured: Measured[] = [];
    for (const { what, file, tests, atMostMs } of TIMED) {
      for (const runtime of runtimes) {
        // The best of the rounds: other programs on the machine only make it slower.
        let value = Infinity;
        for (let round = 1; round <= rounds && !(value <= atMostMs); round++) {
          value = Math.min(value, await slowest(file, tests, runtime));
          say(`tests, ${runtime}, ${file}: ${Math.round(value)} ms`);
        }
        measured.push({ what, runtime, value, unit: "ms", bound: { atMost: atMostMs } });
      }
    }
    return measured;
  },
};

async function slowest(file: string, tests: RegExp, runtime: "deno" | "bun"): Promise<number> {
  const options = { commands: new Commands(), cwd: ROOT, timeoutMs: FILE_LIMIT_MS };
  const { report, problems, output, times } = await runTestFile(runtime, file, options);
  if (report.failed.length > 0 || problems.length > 0) throw new Error(`${file} fails\n${output}`);
  const found = [...times].filter(([name]) => tests.test(name)).map(([, ms]) => ms);
  if (found.length === 0) throw new Error(`${file} has no test named ${tests}`);
  return Math.max(...found);
}
