import { Arena } from "./arena.ts";
import type { BenchOptions } from "./comparison.ts";
import { pythonFor } from "./python.ts";
import { type Runtime, RUNTIMES } from "./measuring/run_script.ts";
import { Program } from "./program.ts";
import type { Row } from "./results.ts";
import { scrape } from "./scrape.ts";
import { type Job, OUTPUT_TASKS, type Result } from "./setting.ts";
import { freePort } from "../tests/support/servers/free_port.ts";

/** Deliveries that a contender may hold unsettled. */
const IN_FLIGHT = 1024;

/** One who works the stream off. */
export interface Contender {
  readonly name: string;
  readonly program: "kflow" | "bare" | "python";
  /** What it is told beside what all are told. */
  readonly job?: Pick<Job, "publish" | "errorStream" | "longRunning">;
  /** Its metrics are scraped once a second. */
  readonly scraped?: boolean;
}

export interface Race {
  /** Told apart from other races of the same comparison. */
  readonly name?: string;
  readonly contenders: readonly Contender[];
  /** In the input stream. */
  readonly records: number;
  /** Of these the first so many are worked off. @default all */
  readonly take?: number;
  /** Of each record, at least. @default about 110 */
  readonly bytes?: number;
  /** Streams that each output goes to. @default 1 */
  readonly outs?: 1 | 2;
  /** @default 1024 */
  readonly inFlight?: number;
  /** Our worker speaks TCP to the server instead of websockets. */
  readonly tcp?: boolean;
  /** Of each contender, on one consumer. @default 1 */
  readonly processes?: number;
  /** Records that one process, not in Python, works off before its time is taken. @default 0 */
  readonly warmUp?: number;
  readonly rounds: number;
}

/** Lets the contenders work in turn, round by round, on a server of the race's own. */
export async function run(race: Race, options: BenchOptions): Promise<Row[]> {
  const records = Math.min(race.records, options.records ?? Infinity);
  const take = race.take && Math.min(race.take, records);
  const warmUp = Math.min(race.warmUp ?? 0, Math.floor(records / 2));
  const outs = OUTPUT_TASKS.slice(0, race.outs ?? 1);
  const python = race.contenders.some(({ program }) => program === "python")
    ? await pythonFor(options.say)
    : undefined;
  const arena = await Arena.open({ ...race, records, outs });

  async function compete(contender: Contender, runtime: Lane, round: number): Promise<Row> {
    const group = `${contender.name.replaceAll(/\W+/g, "-")}-${runtime}-${round}`;
    const { wsUrl, tcpUrl } = arena.server;
    const byTcp = contender.program === "python" ||
      (contender.program === "kflow" && (race.tcp || options.tcp));
    const metricsPort = contender.scraped ? await freePort() : undefined;
    const job: Job = {
      server: byTcp ? tcpUrl : wsUrl,
      group,
      outs,
      inFlight: race.inFlight ?? IN_FLIGHT,
      take,
      warmUp,
      ...contender.job,
      metricsPort,
    };
    await arena.clear();
    const command = commandOf(contender, runtime, python);
    const programs = Array.from(
      { length: race.processes ?? 1 },
      () => new Program([...command, JSON.stringify(job)]),
    );
    let endScraping = () => {};
    try {
      await Promise.all(programs.map((program) => program.ready()));
      if (metricsPort !== undefined) endScraping = await scrape(metricsPort);
      for (const program of programs) program.go();
      const results = await Promise.all(programs.map((program) => program.result()));
      const asked = take ?? records;
      await arena.settle(group, { records: asked, least: take !== undefined });
      const rate = rateOf(results, { least: asked, warmUp });
      return { round, runtime, contender: contender.name, ...rate };
    } finally {
      endScraping();
      for (const program of programs) program.kill();
    }
  }

  const rows: Row[] = [];
  try {
    for (let round = 1; round <= (options.rounds ?? race.rounds); round++) {
      for (const [contender, runtime] of orderOf(race.contenders, options.runtimes, round)) {
        const row = await compete(contender, runtime, round);
        rows.push(row);
        const where = `round ${round} ${race.name ?? ""} ${runtime}`.replaceAll("  ", " ");
        options.say(`${where} ${contender.name}: ${Math.round(row.rate)} records/s`);
      }
    }
    return rows;
  } finally {
    await arena.close();
  }
}

/** What a contender runs on. */
type Lane = Runtime | "python";

/** Each round begins with another contender, so that no place in it is anybody's. */
function orderOf(
  contenders: readonly Contender[],
  runtimes: readonly Runtime[],
  round: number,
): [Contender, Lane][] {
  const first = (round - 1) % contenders.length;
  const turned = [...contenders.slice(first), ...contenders.slice(0, first)];
  const ours = turned.filter(({ program }) => program !== "python");
  return [
    ...turned.filter(({ program }) => program === "python").map((each) =>
      [each, "python"] as const
    ),
    ...runtimes.flatMap((runtime) => ours.map((each) => [each, runtime] as const)),
  ].map(([contender, lane]) => [contender, lane]);
}

function commandOf(
  { program }: Contender,
  lane: Lane,
  python: string | undefined,
): readonly string[] {
  if (lane === "python") return [python!, "bench/contenders/python_worker.py"];
  const script = program === "kflow" ? "kflow_worker.ts" : "bare_loop.ts";
  return [...RUNTIMES[lane], `bench/contenders/${script}`];
}

/** From the first delivery to any of them to the last ack of any of them. */
function rateOf(
  results: readonly Result[],
  { least, warmUp }: { least: number; warmUp: number },
): Pick<Row, "rate" | "rss"> {
  const busy = results.filter(({ records }) => records > 0);
  const acked = busy.reduce((sum, { records }) => sum + records, 0);
  if (acked < least) throw new Error(`${acked} of ${least} records are acknowledged`);
  const firstMs = Math.min(...busy.map((result) => result.firstMs));
  const lastMs = Math.max(...busy.map((result) => result.lastMs));
  return { rate: (acked - warmUp) / (lastMs - firstMs) * 1000, rss: results[0]!.rss };
}
