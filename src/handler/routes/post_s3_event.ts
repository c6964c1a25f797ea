import type { RoutedRequest } from "../../http/http_app.ts";
import { HttpError } from "../../http/http_error.ts";
import type { Limits } from "../../http/limits.ts";
import type { HandlerService } from "../handler_service.ts";
import { mediaType } from "../call/content_kind.ts";
import { NotificationError, readS3Event, type S3Event } from "../notify/s3_event.ts";

/** SNS sends JSON as text. */
const TYPES = ["application/json", "text/plain"];

/** `POST /events/s3`: takes a bucket notification. */
export async function postS3Event(
  service: HandlerService,
  { request }: RoutedRequest,
  { limits, signal }: { limits: Limits; signal: AbortSignal },
): Promise<Response> {
  const type = mediaType(request.headers.get("content-type") ?? "");
  if (!TYPES.includes(type)) {
    throw new HttpError(415, `Cannot read a notification of type ${JSON.stringify(type)}`, {
      hint: "send Content-Type application/json",
    });
  }
  const { log } = service.parts;
  const body = parsed(await limits.body(request, signal));
  const { objects, others } = understood(body, (reason) => {
    const url: unknown = typeof body === "object" && body && Reflect.get(body, "SubscribeURL");
    log.warning("A notification is refused", {
      reason,
      ...(typeof url === "string" && { subscribeUrl: url.slice(0, 2000) }),
    });
  });
  const broker = await service.nats.broker();
  const done = await service.notified.feed(broker, objects, signal);
  const ignored = done.ignored + others;
  if (ignored > 0) {
    log.info(
      "Notifications ignored: of deletions and the like, and of objects that are gone or no source lists",
      {
        ignored,
        fed: done.fed,
      },
    );
  }
  return Response.json({ ...done, ignored });
}

function understood(body: unknown, refused: (reason: string) => void): S3Event {
  try {
    return readS3Event(body);
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    refused(error.message);
    throw new HttpError(400, error.message, { hint: error.hint });
  }
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new HttpError(400, "The body is not a bucket notification: it is not JSON", {
      hint: "send the event JSON of S3 or MinIO",
    });
  }
}
