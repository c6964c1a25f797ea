import { Secret } from "../base/secret.ts";

/** Where spans go to, and which: what the variables of OpenTelemetry say. */
export interface OtlpSettings {
  /** Of the requests. */
  readonly url: string;
  readonly headers: Readonly<Record<string, Secret>>;
  readonly serviceName?: string;
  readonly resource: Readonly<Record<string, string>>;
  /** Part of the traces that may begin here, 0 to 1. */
  readonly ratio: number;
}

export type OtlpVariable =
  | "OTEL_EXPORTER_OTLP_ENDPOINT"
  | "OTEL_EXPORTER_OTLP_HEADERS"
  | "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
  | "OTEL_EXPORTER_OTLP_TRACES_HEADERS"
  | "OTEL_SERVICE_NAME"
  | "OTEL_RESOURCE_ATTRIBUTES"
  | "OTEL_TRACES_SAMPLER"
  | "OTEL_TRACES_SAMPLER_ARG";

/** Reads a variable; undefined if it is unset, or if it is wrong and that has been told. */
type Read = <T>(name: OtlpVariable, parse: (value: string) => T | undefined) => T | undefined;

/** A header's name (RFC 9110, "Tokens"). */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const SAMPLERS = {
  parentbased_always_on: (_ratio: number) => 1,
  parentbased_traceidratio: (ratio: number) => ratio,
  parentbased_always_off: (_ratio: number) => 0,
};

/** Undefined without an endpoint. */
export function readOtlp(read: Read): OtlpSettings | undefined {
  // What says something of traces alone wins (OpenTelemetry, "OTLP Exporter Configuration").
  const base = read("OTEL_EXPORTER_OTLP_ENDPOINT", tracesUrl);
  const url = read("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", (value) => urlOf(value)?.href) ?? base;
  const common = read("OTEL_EXPORTER_OTLP_HEADERS", pairs);
  const headers = read("OTEL_EXPORTER_OTLP_TRACES_HEADERS", pairs) ?? common ?? [];
  const resource = read("OTEL_RESOURCE_ATTRIBUTES", pairs) ?? [];
  const serviceName = read("OTEL_SERVICE_NAME", (value) => value);
  const sampler = read(
    "OTEL_TRACES_SAMPLER",
    (value) => Object.entries(SAMPLERS).find(([name]) => name === value)?.[1],
  ) ?? SAMPLERS.parentbased_always_on;
  const part = read("OTEL_TRACES_SAMPLER_ARG", (value) => {
    const number = /^(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : NaN;
    return number <= 1 ? number : undefined;
  }) ?? 1;
  if (url === undefined) return undefined;
  return {
    url,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, new Secret(value)])),
    ...(serviceName !== undefined && { serviceName }),
    resource: Object.fromEntries(resource),
    ratio: sampler(part),
  };
}

/** A URL with credentials is a mistake. */
function urlOf(value: string): URL | undefined {
  if (!URL.canParse(value)) return undefined;
  const url = new URL(value);
  const isGood = ["http:", "https:"].includes(url.protocol) && url.username + url.password === "";
  return isGood ? url : undefined;
}

function tracesUrl(value: string): string | undefined {
  const url = urlOf(value);
  if (url !== undefined) url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
  return url?.href;
}

/** `name=value,…` (OpenTelemetry, "Specifying headers via environment variables"). */
function pairs(value: string): [name: string, value: string][] | undefined {
  try {
    const found = value.split(",").map((part) => part.trim()).filter((part) => part !== "")
      .map((part): [string, string] => {
        const at = part.indexOf("=");
        const [name, content] = [part.slice(0, Math.max(at, 0)), part.slice(at + 1)];
        return [name.trim(), decodeURIComponent(content.trim())];
      });
    const areGood = found.every(([name, content]) => NAME.test(name) && !/[\r\n\0]/.test(content));
    return areGood ? found : undefined;
  } catch {
    return undefined;
  }
}
