import { VERSION } from "../base/version.ts";
import type { Exporter, ExporterOptions } from "../exporter/exporter.ts";
import { readSettings } from "../settings/settings.ts";
import type { Spans } from "../tracing/spans.ts";
import type { AppOptions } from "./app_options.ts";

/** Starts the exporter of a process; undefined if none of its tasks has metrics enabled, and then none of that code is loaded. */
export async function startExporter(
  options: Omit<ExporterOptions, "makeMetrics">,
): Promise<Exporter | undefined> {
  if (!options.tasks.some(({ metrics }) => metrics.enabled)) return undefined;
  const [{ Exporter }, { PrometheusMetrics }] = await Promise.all([
    import("../exporter/exporter.ts"),
    import("../metrics/prometheus.ts"),
  ]);
  const build = { version: VERSION, platform: options.host.platform };
  return await Exporter.start({
    ...options,
    makeMetrics: (state) => new PrometheusMetrics(build, state),
  });
}

/** Where the steps of traces go, as the environment says; undefined if it names no collector, and then none of that code is loaded. */
export async function startSpans(
  { host, log, timers }: Pick<AppOptions, "host" | "log" | "timers">,
): Promise<Spans | undefined> {
  const { otlp } = readSettings((name) => host.env(name)).settings;
  if (otlp === undefined) return undefined;
  const { OtlpSpans } = await import("../tracing/otlp.ts");
  const { url, headers, serviceName, resource, ratio } = otlp;
  return new OtlpSpans({
    ...{ url, ratio, log, timers, version: VERSION },
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.reveal()]),
    ),
    resource: {
      ...{ "service.name": "kflow", "service.version": VERSION, "host.name": host.hostname },
      ...resource,
      ...(serviceName !== undefined && { "service.name": serviceName }),
    },
  });
}
