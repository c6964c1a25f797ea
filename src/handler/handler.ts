import { BrokerError } from "../broker/broker.ts";
import { ConfigurationError, reasonOf, StartError } from "../base/errors.ts";
import { Access } from "../http/access.ts";
import { createHttpApp, type HttpApp, type RoutedRequest } from "../http/http_app.ts";
import { HttpError } from "../http/http_error.ts";
import { type HttpLimits, Limits } from "../http/limits.ts";
import { createLogger, type Logger } from "../base/log.ts";
import type { Secret } from "../base/secret.ts";
import { StoreError } from "../store/store.ts";
import { REAL_TIMERS } from "../base/time/timers.ts";
import type { HandlerParts } from "./handler_source.ts";
import { HandlerService } from "./handler_service.ts";
import { unavailable } from "./lazy_nats.ts";
import { drainLimits, postDrain } from "./routes/post_drain.ts";
import { postS3Event } from "./routes/post_s3_event.ts";
import { postTask } from "./routes/post_task.ts";

export interface PipelineHandlerOptions {
  /** Called once, with the first request. */
  load: () => Promise<HandlerParts>;
  /** Where it is a function, it is called with the first request. */
  token: Secret | undefined | (() => Promise<Secret | undefined>);
  /** Whether programs on this machine need no token where there is none. */
  local: boolean;
  limits: HttpLimits | undefined;
  /** How long nothing has to be asked for until connections and Workers are given up, ms. @default never */
  restMs?: number;
  /** For what happens before the pipeline is loaded. @default lines of JSON on the console */
  log?: Logger;
}

/** A drain keeps to its budget by itself; this long after that nobody waits for it. */
const OVERTIME_MS = 15_000;

type Work = (
  service: HandlerService,
  routed: RoutedRequest,
  options: { limits: Limits; signal: AbortSignal },
) => Promise<Response>;

/** Answers requests with the tasks of one pipeline. Nothing is loaded or connected before it is needed. */
export class PipelineHandler {
  readonly #options: PipelineHandlerOptions;
  #access?: Promise<Access>;
  readonly #limits: Limits;
  readonly #log: Logger;
  readonly #app: HttpApp;
  #opening?: Promise<HandlerService>;
  #service?: HandlerService;
  #closing?: Promise<void>;
  readonly #answering = new Set<Promise<Response>>();
  #working = 0;
  #endRest?: () => void;

  constructor(options: PipelineHandlerOptions) {
    this.#options = options;
    this.#limits = new Limits(options.limits);
    this.#log = options.log ?? createLogger({ write: (line) => console.error(line.trimEnd()) });
    this.#app = createHttpApp({
      log: this.#log,
      metrics: {
        contentType: "text/plain; version=0.0.4; charset=utf-8",
        text: async () => await (await (await this.open()).metrics.page()).text(),
      },
      notReady: () => this.#notReady(),
      about: async () => (await this.open()).about(),
      routes: [
        {
          path: "/tasks/:id",
          post: this.#post(postTask, { query: ["from", "output", "publish"] }),
        },
        { path: "/events/s3", post: this.#post(postS3Event) },
        {
          path: "/drain",
          post: this.#post((service, { url }) => postDrain(service, drainLimits(url)), {
            query: ["max", "budget_ms"],
            timeOf: ({ url }) => drainLimits(url).budgetMs + OVERTIME_MS,
          }),
        },
      ],
    });
  }

  /** @param info What the host hands over beside the request, which tells the peer's address. */
  async fetch(request: Request, info?: unknown): Promise<Response> {
    const answer = this.#app(request, info);
    this.#answering.add(answer);
    try {
      return await answer;
    } finally {
      this.#answering.delete(answer);
      // Left unread it would keep its connection busy.
      if (request.body !== null && !request.bodyUsed) await request.body.cancel().catch(() => {});
    }
  }

  /** Everything that can be wrong before a request comes. @throws {ConfigurationError} */
  open(): Promise<HandlerService> {
    return this.#opening ??= this.#open();
  }

  /** Finishes what is begun and lets go of everything. Safe to call twice. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    const service = await this.#opening?.catch(() => undefined);
    service?.stop();
    this.#endRest?.();
    await Promise.allSettled([...this.#answering]);
    await service?.close();
  }

  async #open(): Promise<HandlerService> {
    return this.#service = await HandlerService.open(await this.#options.load());
  }

  /** Who may change something. @throws {HttpError} if the token cannot be read. */
  async #accessible(): Promise<Access> {
    const { token, local } = this.#options;
    const read = async () =>
      new Access({ token: typeof token === "function" ? await token() : token, local });
    try {
      return await (this.#access ??= read());
    } catch (error) {
      throw this.#asHttpError(error);
    }
  }

  #notReady(): string | undefined {
    return this.#closing !== undefined ? "stopping" : this.#service?.nats.problem;
  }

  /**
   * @param options.query Parameters that the path understands; without it any are ignored, as a service that notifies may add its own.
   * @param options.timeOf How long the request may take, ms, where that is not as for others.
   */
  #post(
    work: Work,
    { query, timeOf }: {
      query?: readonly string[];
      timeOf?: (routed: RoutedRequest) => number;
    } = {},
  ): (routed: RoutedRequest) => Promise<Response> {
    const limits = this.#limits;
    return async (routed) => {
      await (await this.#accessible()).check(routed.request, routed.info);
      if (query !== undefined) mustBeUnderstood(routed.url, query);
      if (this.#closing !== undefined) throw unavailable("The handler is closed");
      return await limits.within(async (signal) => {
        this.#begins();
        try {
          return await work(await this.open(), routed, { limits, signal });
        } catch (error) {
          throw this.#asHttpError(error);
        } finally {
          this.#ends();
        }
      }, timeOf?.(routed));
    };
  }

  #begins(): void {
    this.#working++;
    this.#endRest?.();
  }

  #ends(): void {
    this.#working--;
    const { restMs } = this.#options;
    const service = this.#service;
    if (restMs === undefined || service === undefined || this.#working > 0) return;
    this.#endRest = (service.parts.timers ?? REAL_TIMERS).after(restMs, () => {
      service.rest().catch((error) => {
        service.parts.log.debug("Cannot let go of a connection", { reason: reasonOf(error) });
      });
    });
  }

  #asHttpError(error: unknown): unknown {
    if (error instanceof HttpError) return error;
    if (error instanceof ConfigurationError) {
      return new HttpError(500, "The pipeline of this handler cannot be run", {
        hint: "kflow validate tells its mistakes, and so does the log",
        cause: this.#logged(error),
      });
    }
    const isAway = error instanceof BrokerError ||
      (error instanceof StartError && error.transient) ||
      (error instanceof StoreError && error.kind === "unavailable");
    if (isAway) return unavailable(reasonOf(error), this.#logged(error));
    if (error instanceof StartError || error instanceof StoreError) {
      return new HttpError(500, reasonOf(error), {
        hint: "correct it and start the handler anew",
        cause: this.#logged(error),
      });
    }
    return error;
  }

  #logged(error: unknown): unknown {
    const log = this.#service?.parts.log ?? this.#log;
    log.error("Cannot answer a request", { reason: reasonOf(error) });
    return error;
  }
}

/** @throws {HttpError} for a parameter that would have no effect: it is a misspelt one. */
function mustBeUnderstood(url: URL, query: readonly string[]): void {
  for (const name of url.searchParams.keys()) {
    if (query.includes(name)) continue;
    throw new HttpError(400, `There is no parameter ${JSON.stringify(name)} here`, {
      hint: `there is ${query.map((each) => `?${each}=`).join(", ")}`,
    });
  }
}
