import type { QueueSpec } from "../../broker.ts";
import {
  API,
  callApi,
  type ConsumerInfo,
  type StoredMessage,
  type StreamInfo,
  streamInfo,
  unless,
} from "./api.ts";
import type { NatsLink } from "../wire/link.ts";

/** Messages differ in size, so a round that goes by their mean may not remove enough. */
const MOST_ROUNDS = 20;
const GAP_STEPS = 8;

/**
 * Removes what every group on the stream has acked: first what is older than the duplicate window, then, while the stream is over half
 * of its size, the oldest of the rest.
 */
export async function tidyStream(
  link: NatsLink,
  queue: QueueSpec,
): Promise<{ old: number; young: number }> {
  let old = 0;
  let young = 0;
  const floor = await commonAckFloor(link, queue.stream);
  let info = await streamInfo(link, queue.stream);
  if (info === undefined || floor < info.state.first_seq || info.state.messages === 0) {
    return { old, young };
  }
  const border = await lastOlderThanWindow(link, info, floor);
  if (border >= info.state.first_seq) {
    old = await purgeUpTo(link, queue.stream, border);
    info = await streamInfo(link, queue.stream);
  }
  for (let round = 0; round < MOST_ROUNDS && info !== undefined; round++) {
    const { messages, bytes, first_seq } = info.state;
    const excess = Math.max(
      (bytes - queue.maxBytes / 2) / (bytes / messages),
      info.config.max_msgs > 0 ? messages - info.config.max_msgs / 2 : 0,
    );
    if (!(excess > 0) || first_seq > floor) break;
    young += await purgeUpTo(
      link,
      queue.stream,
      Math.min(floor, first_seq + Math.ceil(excess) - 1),
    );
    info = await streamInfo(link, queue.stream);
  }
  return { old, young };
}

interface ConsumerPage {
  readonly total: number;
  readonly consumers: readonly ConsumerInfo[] | null;
  /** Those for which no server has answered. */
  readonly missing?: readonly string[];
}

/** Every message up to it is acked by every group; 0 if there is no group, or one of which that is not known. */
async function commonAckFloor(link: NatsLink, stream: string): Promise<number> {
  let floor = Infinity;
  for (let offset = 0;;) {
    const page = await unless(
      [API.streamNotFound],
      callApi<ConsumerPage>(link, `CONSUMER.LIST.${stream}`, { offset }),
    );
    // Of a group for which nobody answers it cannot be known what it has acked.
    if (page?.missing?.length) return 0;
    const consumers = page?.consumers ?? [];
    for (const { ack_floor } of consumers) floor = Math.min(floor, ack_floor.stream_seq);
    offset += consumers.length;
    if (page === undefined || consumers.length === 0 || offset >= page.total) break;
  }
  return floor === Infinity ? 0 : floor;
}

/** The last sequence up to `floor` that was stored before the window began; one below the first if there is none. */
async function lastOlderThanWindow(
  link: NatsLink,
  info: StreamInfo,
  floor: number,
): Promise<number> {
  const { state, config } = info;
  const now = info.ts === undefined ? Date.now() : Date.parse(info.ts);
  const border = now - config.duplicate_window / 1_000_000;
  if (Date.parse(state.last_ts) < border) return Math.min(floor, state.last_seq);
  // Between these two: `low` is old, or below the first; `high` is not, or above the floor.
  let low = state.first_seq - 1;
  let high = Math.min(floor, state.last_seq) + 1;
  if (Date.parse(state.first_ts) >= border) return low;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    const found = await messageAt(link, config.name, { from: middle, to: high - 1 });
    if (found !== undefined && Date.parse(found.time) < border) low = found.seq;
    else high = middle;
  }
  return low;
}

/** The first message of a range, of which some may have been deleted one by one. */
async function messageAt(
  link: NatsLink,
  stream: string,
  range: { from: number; to: number },
): Promise<StoredMessage | undefined> {
  for (let seq = range.from; seq <= range.to && seq < range.from + GAP_STEPS; seq++) {
    const answer = await unless(
      [API.messageNotFound],
      callApi<{ message: StoredMessage }>(link, `STREAM.MSG.GET.${stream}`, { seq }),
    );
    if (answer !== undefined) return answer.message;
  }
  return undefined;
}

async function purgeUpTo(link: NatsLink, stream: string, sequence: number): Promise<number> {
  const answer = await unless(
    [API.streamNotFound],
    callApi<{ purged: number }>(link, `STREAM.PURGE.${stream}`, { seq: sequence + 1 }),
  );
  return answer?.purged ?? 0;
}
