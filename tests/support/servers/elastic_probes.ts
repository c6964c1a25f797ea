import type { ServerResponse } from "node:http";
import { type FaultRequest, type FaultServer, startFaultServer } from "./fault_server.ts";

/** One document of a `_bulk` request, as it was sent. */
export interface SentDocument {
  readonly operation: string;
  readonly id: string;
  readonly source: Record<string, unknown>;
  /** The source as text. */
  readonly text: string;
}

/** What an elastic-sink sent in one request. */
export function documentsIn(request: FaultRequest): SentDocument[] {
  const text = new TextDecoder().decode(request.body);
  if (!text.endsWith("\n")) throw new Error(`No line break at the end of ${text}`);
  const lines = text.slice(0, -1).split("\n");
  const documents: SentDocument[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const [entry] = Object.entries(JSON.parse(lines[at]!) as Record<string, { _id: string }>);
    const text = lines[at + 1]!;
    documents.push({ operation: entry![0], id: entry![1]._id, source: JSON.parse(text), text });
  }
  return documents;
}

/** The status of one document, and its error if it has one. */
export type ItemStatus = number | { status: number; error: unknown };

export interface FakeElastic {
  readonly endpoint: string;
  /** The `_bulk` requests, in order. */
  readonly bulks: FaultRequest[];
  /** All requests. */
  readonly requests: FaultRequest[];
  /** What is stored: the sources by id. */
  readonly stored: Map<string, Record<string, unknown>>;
  stop(): Promise<void>;
}

/**
 * A server that stores documents in memory, and answers badly when a test wants it to.
 * @param fault Called with each `_bulk` request and its number, from 0. True: it has answered by itself. A list: the statuses of the documents, of which those of 2xx are stored.
 */
export async function startFakeElastic(
  fault: (
    context: {
      documents: SentDocument[];
      number: number;
      response: ServerResponse;
      request: FaultRequest;
    },
  ) => true | ItemStatus[] | undefined = () => undefined,
): Promise<FakeElastic> {
  const stored = new Map<string, Record<string, unknown>>();
  const bulks: FaultRequest[] = [];
  const server: FaultServer = await startFaultServer((request, response) => {
    if (!request.path.includes("_bulk")) {
      return answerJson(response, 200, { version: { number: "8.0.0" } });
    }
    const number = bulks.push(request) - 1;
    const documents = documentsIn(request);
    const answer = fault({ documents, number, response, request });
    if (answer === true) return;
    const statuses = answer ??
      documents.map(({ operation, id }) => operation === "create" && stored.has(id) ? 409 : 201);
    const items = documents.map(({ operation, id, source }, index) => {
      const item = statuses[index]!;
      const { status, error } = typeof item === "number"
        ? { status: item, error: undefined }
        : item;
      if (status < 300) stored.set(id, source);
      return { [operation]: { _index: "tests", _id: id, status, error } };
    });
    answerJson(response, 200, { took: 1, errors: items.length > 0, items });
  });
  return { ...server, bulks, stored };
}

export function answerJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}
