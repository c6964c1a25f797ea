import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { withFileVariables } from "../../../src/settings/file_variables.ts";
import type { Host } from "../../../src/host.ts";
import { COMMIT, VERSION } from "../../../src/base/version.ts";
import type { FileOptions, RunOptions, ServeCommandOptions } from "./command_options.ts";
import { graphCommand, validateCommand } from "./check_commands.ts";
import { reportError } from "./report_error.ts";
import { runCommand, workerCommand } from "./run_commands.ts";
import { serveCommand } from "./serve_command.ts";
import { taskPlaceOf } from "./task_place.ts";

/**
 * Runs the command line and gives the exit status: that of `exitStatusOf` for `run` and `worker`, 2 for a pipeline, command line or environment that is wrong, 1 where
 * something outside failed.
 */
export async function runCommandLine(host: Host, args: readonly string[]): Promise<number> {
  let status = 0;
  const program = new Command("kflow")
    .description("Runs basic pipelines: one YAML file that declares a DAG of tasks")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      getOutHelpWidth: () => host.stdout.columns,
      outputError: (text, write) => write(withoutValues(text)),
      getErrHelpWidth: () => host.stderr.columns,
    })
    .showHelpAfterError("(--help tells more)");

  const onFile = (name: string, description: string, file = "<file>") =>
    program.command(name)
      .description(description)
      .argument(file, "the pipeline file")
      .addOption(
        new Option("--set <path=value>", "set a value of the file, such as dag.ID.addr=…")
          .argParser(collect).default([], "none"),
      )
      .addOption(
        new Option("--module <task=path>", "give a raw task its code").argParser(collect)
          .default([], "none"),
      );
  const withRun = (command: Command, fallback: string) =>
    command.option("--run <id>", `id of the batch run (default: KFLOW_RUN_ID, else ${fallback})`);
  const withReport = (command: Command, fallback: string) =>
    withRun(command, fallback)
      .option("--report <file>", "write the report by task to this file, as JSON");

  withReport(onFile("run", "run the whole pipeline in this process"), "a new one")
    .action(async (file: string, options: RunOptions) => {
      status = await runCommand(await withFileVariables(host), file, options);
    });
  withReport(
    onFile("worker", "run one worker of one task, as a container does", "[file]"),
    '"default"',
  )
    .option("--task <id>", "the task (default: KFLOW_TASK)")
    .addHelpText("after", "\nWithout a file it takes KFLOW_PIPELINE.")
    .action(async (file: string | undefined, options: RunOptions & { task?: string }) => {
      const { pipeline, task } = taskPlaceOf(host, { pipeline: file, task: options.task }, {
        ways: { pipeline: "it as an argument", task: "--task ID" },
      });
      status = await workerCommand(await withFileVariables(host), pipeline, { ...options, task });
    });
  withRun(onFile("serve", "let HTTP requests call, drain and notify its tasks"), '"default"')
    .option("--port <number>", "port to listen on, 0 for a free one", integer(0, 65_535), 8080)
    .option(
      "--host <address>",
      "address to listen on (default: all of this machine with KFLOW_HTTP_TOKEN, 127.0.0.1 without)",
    )
    .option("--max-body <bytes>", "largest body (default: 1048576)", integer(1, 1 << 30))
    .option("--request-ms <ms>", "longest time of a request (default: 30000)", integer(1, HOUR_MS))
    .option("--concurrent <n>", "requests at once (default: 64)", integer(1, 10_000))
    .action(async (file: string, options: ServeCommandOptions) => {
      status = await serveCommand(await withFileVariables(host), file, options);
    });
  onFile("validate", "check a file; contacts nothing")
    .action(async (file: string, options: FileOptions) => {
      status = await validateCommand(await withFileVariables(host), file, options);
    });
  onFile("graph", "print the pipeline as a Mermaid drawing")
    .action(async (file: string, options: FileOptions) => {
      status = await graphCommand(await withFileVariables(host), file, options);
    });
  program.command("version").description("print the version").action(() => {
    const commit = COMMIT === undefined ? "" : `, commit ${COMMIT}`;
    host.stdout.write(`kflow ${VERSION} (${host.platform}${commit})\n`);
  });

  try {
    await program.parseAsync([...args], { from: "user" });
    return status;
  } catch (error) {
    // commander has printed its message; help and version are no mistakes.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(host, error);
  }
}

/** Takes out what commander repeats of a command line that it does not understand: a password may be in it. */
function withoutValues(text: string): string {
  return text.replace(/('--?[\w-]+=)[^']*'/g, "$1…'")
    .replace(/( arguments? but got \d+): .*\.$/ms, "$1.");
}

const HOUR_MS = 3_600_000;

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
  };
}

function collect(value: string, earlier: string[]): string[] {
  return [...earlier, value];
}
