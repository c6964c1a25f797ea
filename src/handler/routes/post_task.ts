import { sourceId } from "../../broker/message_id.ts";
import { FlowNames } from "../../broker/subjects.ts";
import type { RoutedRequest } from "../../http/http_app.ts";
import { HttpError } from "../../http/http_error.ts";
import type { Limits } from "../../http/limits.ts";
import type { Input, Plan, TaskPlan } from "../../pipeline/plan/plan.ts";
import type { Trace } from "../../runtime/records/trace.ts";
import { answerWith, failuresOf, jsonAnswer } from "../call/call_answer.ts";
import { withTrace } from "../call/call_trace.ts";
import { readRecords } from "../call/called_records.ts";
import { openEnvelope } from "../call/request_envelope.ts";
import type { HandlerService } from "../handler_service.ts";
import { acceptedKind, kindOfBody } from "../call/content_kind.ts";
import { RequestWork } from "../request_work.ts";

/** A container file may be packed: so many times the size of a body it may be unpacked. */
const UNPACKED = 8;
const IDS_AT_ONCE = 256;

/** `POST /tasks/:id`: runs one task on the records in the body. */
export function postTask(
  service: HandlerService,
  routed: RoutedRequest,
  options: { limits: Limits; signal: AbortSignal },
): Promise<Response> {
  const { request } = routed;
  return withTrace(
    service.app.spans,
    { request, route: "/tasks/:id" },
    (trace) => runTask(service, routed, { ...options, trace }),
  );
}

async function runTask(
  service: HandlerService,
  { request, url, id = "" }: RoutedRequest,
  { limits, signal, trace }: { limits: Limits; signal: AbortSignal; trace: Trace | undefined },
): Promise<Response> {
  const { plan, codec } = service;
  const calls = service.calls.get(id);
  const task = plan.tasks.find((each) => each.id === id);
  if (calls === undefined || task === undefined) throw noTask(service, id, task);
  const publishes = flagOf(url, "publish");
  const kind = acceptedKind(request.headers.get("accept"));
  const sideOut = sideOutOf(url, task);
  const edge = edgeOf(task, plan, url.searchParams.get("from"));
  const envelope = openEnvelope(request.headers, await limits.body(request, signal));
  const work = new RequestWork({ mostBytes: limits.bodyBytes * UNPACKED, signal });
  const { schema, bodies } = await readRecords(envelope.body, {
    kind: kindOfBody(envelope.contentType),
    schema: service.schemaOf(edge.schema),
    codec,
    work,
  });
  if (publishes) await service.nats.broker();
  const ids = await idsOf([plan.flowId, id, envelope.key ?? crypto.randomUUID()], {
    count: bodies.length,
    work,
  });
  const { subject } = edge;
  const inputs = bodies.map((body, i) => ({
    id: ids[i]!,
    body,
    fingerprint: schema.fingerprint,
    subject,
    trace,
  }));
  const outcomes = await calls.call(inputs, { schemas: [schema], signal });
  const records = await calls.recordsOf(outcomes, signal);
  const errors = failuresOf(outcomes);
  const published = publishes
    ? { published: await service.publisher.publish(task, records, { ids, trace, signal }) }
    : undefined;
  if (errors.length > 0) {
    throw new HttpError(422, `${errors.length} of ${bodies.length} records failed`, {
      hint:
        'each of "errors" names its record by "item", from 0; those with "retry" may be sent again',
      fields: { ...published ?? await jsonAnswer(records, work), errors },
    });
  }
  return published === undefined
    ? await answerWith(records, { kind, sideOut, work })
    : Response.json(published, { status: 202 });
}

interface Edge {
  readonly subject: string;
  readonly schema: unknown;
}

/** The edge that the records stand for. Edges with the same schema are the same to the function. */
function edgeOf(task: TaskPlan, plan: Plan, from: string | null): Edge {
  const names = new FlowNames(plan.flowId);
  const edges = task.inputs.map((input) => ({
    name: nameOf(input),
    subject: names.edge(task.id, input.producer, input.sideOut),
    schema: plan.tasks.find(({ id }) => id === input.producer)?.outputs
      .find((output) => output.sideOut === input.sideOut)?.schema,
  }));
  const known = edges.map(({ name }) => name).join(", ");
  if (from !== null) {
    const found = edges.find(({ name }) => name === from);
    if (found !== undefined) return found;
    throw new HttpError(400, `Task "${task.id}" takes nothing from ${JSON.stringify(from)}`, {
      hint: `give ?from= one of ${known}`,
    });
  }
  if (new Set(edges.map(({ schema }) => JSON.stringify(schema))).size > 1) {
    throw new HttpError(400, `Task "${task.id}" takes records of more than one schema`, {
      hint: `say which with ?from= and one of ${known}`,
    });
  }
  return edges[0]!;
}

function nameOf({ producer, sideOut }: Input): string {
  return sideOut === undefined ? producer : `${producer}.${sideOut}`;
}

function sideOutOf(url: URL, task: TaskPlan): string | undefined {
  const given = url.searchParams.get("output");
  if (given === null || given === "main") return undefined;
  if (task.outputs.some(({ sideOut }) => sideOut === given)) return given;
  throw new HttpError(400, `Task "${task.id}" has no side out ${JSON.stringify(given)}`, {
    hint: "leave ?output= out for the main output",
  });
}

/** Given without a value it is on. @throws {HttpError} 400 */
function flagOf(url: URL, name: string): boolean {
  const value = url.searchParams.get(name);
  if (value === null || value === "false" || value === "0") return false;
  if (value === "" || value === "true" || value === "1") return true;
  throw new HttpError(400, `Cannot read ?${name}=${value}`, { hint: "give true or false" });
}

/** The same call gives the same ids: of what it publishes, and of what a sink writes. */
async function idsOf(
  parts: readonly string[],
  { count, work }: { count: number; work: RequestWork },
): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const end = Math.min(ids.length + IDS_AT_ONCE, count);
    while (ids.length < end) ids.push(sourceId(["call", ...parts, String(ids.length)]));
    await work.rest();
  }
  return ids;
}

function noTask(service: HandlerService, id: string, task: TaskPlan | undefined): HttpError {
  const known = [...service.calls.keys()].join(", ");
  const problem = task === undefined
    ? `There is no task ${JSON.stringify(id)}`
    : task.kind === "source"
    ? `Task "${id}" is a source: it takes no records`
    : `Task "${id}" has no code here`;
  return new HttpError(404, problem, {
    hint: known === "" ? "there is none" : `there is ${known}`,
  });
}
