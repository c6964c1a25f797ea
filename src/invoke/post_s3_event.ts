import type { RoutedRequest } from "../http/app.ts";
import { HttpError } from "../http/http_error.ts";
import type { Limits } from "../http/limits.ts";
import type { HandlerService } from "./handler_service.ts";
import { mediaType } from "./record_kind.ts";
import { readS3Event } from "./s3_event.ts";

/** `POST /events/s3`: takes a bucket notification. */
export async function postS3Event(
  service: HandlerService,
  { request }: RoutedRequest,
  { limits, signal }: { limits: Limits; signal: AbortSignal },
): Promise<Response> {
  const type = mediaType(request.headers.get("content-type") ?? "");
  if (type !== "application/json") {
    throw new HttpError(415, `Cannot read a notification of type ${JSON.stringify(type)}`, {
      hint: "send Content-Type application/json",
    });
  }
  const event = readS3Event(parsed(await limits.body(request, signal)));
  if (event === undefined) throw noNotification();
  const broker = await service.nats.broker();
  const { objects, others } = event;
  const done = await service.notified.feed(broker, objects, signal);
  return Response.json({ ...done, ignored: done.ignored + others });
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw noNotification();
  }
}

function noNotification(): HttpError {
  return new HttpError(400, "The body is no bucket notification", {
    hint: 'send the event JSON of S3, which has "Records"',
  });
}
