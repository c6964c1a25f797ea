import { ConfigurationError, reasonOf, StartError } from "../../../src/base/errors.ts";
import type { Host } from "../../../src/host.ts";
import { isLoopbackHost } from "../../../src/http/loopback.ts";
import { PipelineHandler } from "../../../src/handler/handler.ts";
import { aborted } from "../../../src/base/time/waiting.ts";
import type { ServeCommandOptions } from "./command_options.ts";
import { loadPipeline } from "./load_pipeline.ts";
import { loggerOf } from "./logger_of.ts";
import { mustBePermitted } from "./must_be_permitted.ts";
import { dialTcp } from "../node/nats_tcp.ts";
import { watchSignals } from "./shutdown.ts";

/** Open connections; requests beyond `--concurrent` are told to come back. */
const CONNECTIONS = 1024;
/** After the handler's own limit, which answers, the connection is cut. */
const LATER_MS = 5_000;
const REQUEST_MS = 30_000;
const LOOPBACK = "127.0.0.1";

/** `serve`: the pipeline's tasks, triggered by HTTP requests, until a signal comes. */
export async function serveCommand(
  host: Host,
  file: string,
  options: ServeCommandOptions,
): Promise<number> {
  const { plan, settings } = await loadPipeline(host, file, options);
  const log = loggerOf(host, settings).with({ flow: plan.flowId });
  const { maxBody: bodyBytes, requestMs = REQUEST_MS, concurrent } = options;
  const local = settings.httpToken === undefined;
  const hostname = local ? loopbackOf(options.host) : options.host;
  mustBePermitted(host, plan, {
    tasks: plan.tasks.filter(({ kind }) => kind !== "source"),
    settings,
    listen: [`${hostname ?? "0.0.0.0"}:${options.port}`],
  });
  const run = options.run ?? settings.runId ?? "default";
  const handler = new PipelineHandler({
    load: () => Promise.resolve({ plan, host, log, run, dialTcp, functions: new Map() }),
    token: settings.httpToken,
    local,
    limits: { bodyBytes, requestMs, concurrent },
    log,
  });
  const shutdown = watchSignals(host, log, settings.shutdownGraceMs);
  try {
    await handler.open();
    const served = await listen(host, handler, { ...options, host: hostname });
    log.info("Serving", { port: served.port });
    if (local) {
      log.warning(
        "There is no KFLOW_HTTP_TOKEN: only programs on this machine can call tasks, drain and notify; set it before a proxy passes requests on",
        { address: hostname },
      );
    }
    await aborted(shutdown.stop);
    await handler.close();
    await served.close();
    return 0;
  } finally {
    await handler.close();
    shutdown.release();
  }
}

/** Where to listen while there is no token. @throws {ConfigurationError} if others could reach it there. */
function loopbackOf(given: string | undefined): string {
  if (given === undefined || given === "localhost") return LOOPBACK;
  if (isLoopbackHost(given)) return given;
  throw new ConfigurationError([{
    file: "--host",
    problem: `${JSON.stringify(given)} can be reached by others, and there is no KFLOW_HTTP_TOKEN`,
    hint: "set KFLOW_HTTP_TOKEN, or leave --host out to listen on this machine only",
  }]);
}

async function listen(host: Host, handler: PipelineHandler, options: ServeCommandOptions) {
  const { port, host: hostname, requestMs = REQUEST_MS } = options;
  try {
    return await host.serve((request, info) => handler.fetch(request, info), {
      ...{ port, hostname, bodies: true, connections: CONNECTIONS },
      requestMs: requestMs + LATER_MS,
    });
  } catch (error) {
    throw new StartError(
      `Cannot listen on port ${port}: ${reasonOf(error)}; give another with --port`,
      { cause: error },
    );
  }
}
