import { Command, CommandLine } from "../../tests/support/commands/command.ts";
import { FlowFolder } from "../../tests/support/commands/flow_folder.ts";
import { buildBinary } from "../../tools/build_binary.ts";
import { Commands } from "../../tools/process.ts";
import type { Measure } from "./measure.ts";

/** What there may be beside one and a half times the start of an empty program. */
const AT_MOST_MS = 300;
const ROUNDS = 10;

export const firstRecord: Measure = {
  name: "first-record",
  about: "how long the binary takes to its first record, without 1.5 times an empty binary's start",
  async run({ rounds = ROUNDS, say }) {
    const commands = new Commands();
    const kflow = new CommandLine();
    const folder = await FlowFolder.make("quickstart");
    try {
      const binary = folder.file("kflow");
      await buildBinary(binary, commands);
      await folder.write("empty.ts", "");
      const empty = folder.file("empty");
      const compile = ["build", "--compile", `--outfile=${empty}`, folder.file("empty.ts")];
      const { status, output } = await commands.run("bun", compile);
      if (status !== 0) throw new Error(output);
      // The best of the rounds: other programs on the machine only make it slower.
      let [start, first] = [Infinity, Infinity];
      for (let round = 1; round <= rounds; round++) {
        let began = performance.now();
        await new Command([], { binary: empty }).end();
        start = Math.min(start, performance.now() - began);
        await folder.remove(".kflow");
        began = performance.now();
        const env = { KFLOW_RUNTIME_LOG_LEVEL: "DEBUG" };
        const command = kflow.start(["run", folder.file("pipeline.yaml")], { binary, env });
        await command.sees("described a document");
        first = Math.min(first, performance.now() - began);
        await command.end();
        say(`binary, round ${round}: empty ${Math.round(start)} ms, first ${Math.round(first)} ms`);
      }
      return [{
        what: "first record - 1.5 x empty program",
        runtime: "binary",
        value: first - 1.5 * start,
        unit: "ms",
        bound: { atMost: AT_MOST_MS },
      }];
    } finally {
      await kflow.endAll();
      await folder.remove();
    }
  },
};
