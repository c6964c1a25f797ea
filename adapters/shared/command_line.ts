import { Command, CommanderError, Option } from "commander";
import type { Host } from "../../src/host.ts";
import { VERSION } from "../../src/version.ts";
import type { FileOptions, RunOptions, WorkerOptions } from "./command_options.ts";
import { graphCommand, validateCommand } from "./check_commands.ts";
import { reportError } from "./report_error.ts";
import { runCommand, workerCommand } from "./run_commands.ts";

/**
 * Runs the command line and gives the exit status: 0 done, 1 something outside failed or there were dead letters, 2 the pipeline or the
 * command line is wrong.
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
      getErrHelpWidth: () => host.stderr.columns,
    })
    .showHelpAfterError("(--help tells more)");

  const onFile = (name: string, description: string) =>
    program.command(name)
      .description(description)
      .argument("<file>", "the pipeline file")
      .addOption(
        new Option("--set <path=value>", "set a value of the file, such as dag.ID.addr=…")
          .argParser(collect).default([], "none"),
      )
      .addOption(
        new Option("--module <task=path>", "give a raw task its code").argParser(collect)
          .default([], "none"),
      );
  const withRun = (command: Command, fallback: string) =>
    command
      .option("--run <id>", `id of the batch run (default: KFLOW_RUN_ID, else ${fallback})`)
      .option("--report <file>", "write the report by task to this file, as JSON");

  withRun(onFile("run", "run the whole pipeline in this process"), "a new one")
    .action(async (file: string, options: RunOptions) => {
      status = await runCommand(host, file, options);
    });
  withRun(onFile("worker", "run one worker of one task, as a container does"), '"default"')
    .requiredOption("--task <id>", "the task")
    .action(async (file: string, options: WorkerOptions) => {
      status = await workerCommand(host, file, options);
    });
  onFile("validate", "check a file; contacts nothing")
    .action(async (file: string, options: FileOptions) => {
      status = await validateCommand(host, file, options);
    });
  onFile("graph", "print the pipeline as a Mermaid drawing")
    .action(async (file: string, options: FileOptions) => {
      status = await graphCommand(host, file, options);
    });
  program.command("version").description("print the version").action(() => {
    host.stdout.write(`kflow ${VERSION} (${host.platform})\n`);
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

function collect(value: string, earlier: string[]): string[] {
  return [...earlier, value];
}
