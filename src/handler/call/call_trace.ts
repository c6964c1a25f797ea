import { reasonOf } from "../../base/errors.ts";
import { HttpError } from "../../http/http_error.ts";
import { Trace } from "../../runtime/records/trace.ts";
import type { Spans } from "../../tracing/spans.ts";

/**
 * Answers a request as a step of the trace that it came with; where spans are wanted, of one that begins here.
 * @param route The path with names for what differs.
 */
export async function withTrace(
  spans: Spans | undefined,
  { request, route }: { request: Request; route: string },
  answer: (trace: Trace | undefined) => Promise<Response>,
): Promise<Response> {
  const trace = Trace.of({ header: (name) => request.headers.get(name) ?? undefined }) ??
    (spans && Trace.start(spans));
  if (spans === undefined || trace?.isSampled !== true) return await answer(trace);
  const startedAt = performance.now();
  const end = (status: number | undefined, error?: string) =>
    spans.ended({
      traceId: trace.id,
      ...{ spanId: trace.spanId, parentId: trace.parentId, state: trace.state },
      name: `${request.method} ${route}`,
      kind: "server",
      startMs: performance.timeOrigin + startedAt,
      endMs: performance.timeOrigin + performance.now(),
      attributes: {
        "http.request.method": request.method,
        "http.route": route,
        "url.path": new URL(request.url).pathname,
        ...(status !== undefined && { "http.response.status_code": status }),
      },
      error,
    });
  try {
    const response = await answer(trace);
    end(response.status);
    return response;
  } catch (error) {
    const status = error instanceof HttpError ? error.status : undefined;
    // What the caller did wrong is no error of ours (OpenTelemetry, "HTTP spans", status).
    end(status, status !== undefined && status < 500 ? undefined : reasonOf(error));
    throw error;
  }
}
