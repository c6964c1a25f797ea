import type { QueueSpec } from "../../broker.ts";
import { API, callApi, streamInfo, unless } from "./api.ts";
import type { NatsLink } from "../wire/link.ts";
import {
  applyChange,
  ensureStream,
  mebibytes,
  parkedSubject,
  planStream,
  type StreamChange,
  type StreamOptions,
} from "./stream.ts";
import { reasonOf, StartError } from "../../../base/errors.ts";

/** Streams that are asked for at once. */
const AT_ONCE = 16;

/**
 * Makes or checks the streams of several queues, all or none. What is known beforehand to be too much is refused before anything is made; what the server
 * refuses on the way has the streams removed that were made until then, as they would keep their room from others.
 */
export async function ensureStreams(
  link: NatsLink,
  queues: readonly QueueSpec[],
  options: StreamOptions,
): Promise<void> {
  if (queues.length === 1) return await ensureStream(link, queues[0]!, options);
  const changes = await planAll(link, queues, options);
  if (changes.length === 0) return;
  await checkAccount(link, changes);
  const made: StreamChange[] = [];
  try {
    for (const change of changes) {
      if (await applyChange(link, change, options)) made.push(change);
    }
  } catch (error) {
    // An outage ends by itself, and the next try goes on with what is there.
    if (!(error instanceof StartError)) throw error;
    for (const change of made) await removeUnused(link, change, options);
    throw new StartError(`${error.message}. None was kept: ${needOf(changes)}`, {
      cause: error,
    });
  }
}

async function planAll(
  link: NatsLink,
  queues: readonly QueueSpec[],
  options: StreamOptions,
): Promise<StreamChange[]> {
  const changes: StreamChange[] = [];
  for (let i = 0; i < queues.length; i += AT_ONCE) {
    const some = queues.slice(i, i + AT_ONCE);
    const planned = await Promise.all(some.map((queue) => planStream(link, queue, options)));
    changes.push(...planned.filter((change) => change !== undefined));
  }
  return changes;
}

interface AccountPart {
  readonly storage: number;
  /** Since 2.9.8. */
  readonly reserved_storage?: number;
  readonly streams: number;
  readonly limits: {
    readonly max_storage: number;
    readonly max_streams: number;
  };
}

interface AccountInfo extends AccountPart {
  /** By replicas, such as `R3`, where the account has limits for each. */
  readonly tiers?: Readonly<Record<string, AccountPart>>;
}

/** Compares what is to be made with the account's limits. Those of the server itself are not known to its clients. */
async function checkAccount(link: NatsLink, changes: readonly StreamChange[]): Promise<void> {
  const info = await callApi<AccountInfo>(link, "INFO");
  const replicas = changes[0]!.wanted.num_replicas;
  const tier = info.tiers?.[`R${replicas}`];
  const { limits, storage, reserved_storage, streams } = tier ?? info;
  const bytes = bytesOf(changes) * (tier === undefined ? replicas : 1);
  const used = Math.max(storage, reserved_storage ?? 0);
  const refuse = (left: string, remedy: string) => {
    throw new StartError(
      `Cannot make the flow's streams: ${needOf(changes)}, and ${left}; ${remedy}`,
    );
  };
  if (limits.max_storage > 0 && used + bytes > limits.max_storage) {
    const left = Math.max(0, Math.floor((limits.max_storage - used) / 2 ** 20));
    refuse(
      `the account has ${left} MiB left of ${mebibytes(limits.max_storage)}`,
      "raise its limits, or set KFLOW_STREAM_BYTES, KFLOW_DEAD_LETTER_BYTES or stream.max.bytes of tasks lower",
    );
  }
  const count = changes.filter(({ found }) => found === undefined).length;
  if (limits.max_streams > 0 && streams + count > limits.max_streams) {
    refuse(`the account has ${streams} streams of ${limits.max_streams}`, "raise its limits");
  }
}

/** What is lacking, in words. */
function needOf(changes: readonly StreamChange[]): string {
  const count = changes.filter(({ found }) => found === undefined).length;
  return `the flow needs ${count} more streams, which reserve ${
    mebibytes(bytesOf(changes))
  } together`;
}

/** What a server would have to reserve more than it does. */
function bytesOf(changes: readonly StreamChange[]): number {
  let bytes = 0;
  for (const { wanted, found, raised } of changes) {
    if (found === undefined) bytes += Math.max(0, wanted.max_bytes);
    else bytes += Math.max(0, (raised?.max_bytes ?? 0) - Math.max(0, found.max_bytes));
  }
  return bytes;
}

/**
 * Removes a stream that was made a moment ago, unless somebody uses it. It is cut off from its subjects before it is looked at: a publisher then finds no stream
 * and tries again, so that no message is removed that was confirmed.
 */
async function removeUnused(
  link: NatsLink,
  { queue: { stream }, wanted }: StreamChange,
  { log }: StreamOptions,
): Promise<void> {
  try {
    await callApi(link, `STREAM.UPDATE.${stream}`, {
      ...wanted,
      subjects: [parkedSubject(stream)],
    });
    const info = await streamInfo(link, stream);
    if (info === undefined) return;
    const { messages, consumer_count } = info.state;
    if (messages > 0 || consumer_count > 0) {
      await callApi(link, `STREAM.UPDATE.${stream}`, wanted);
    } else {
      await unless([API.streamNotFound], callApi(link, `STREAM.DELETE.${stream}`));
    }
  } catch (error) {
    log.warning("Cannot remove a stream that was made and is not used", {
      stream,
      reason: reasonOf(error),
    });
  }
}
