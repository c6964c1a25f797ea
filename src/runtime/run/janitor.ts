import type { Consumer } from "../../broker/broker.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { TaskProgress } from "../progress/task_progress.ts";

/** Acked messages are tidied away this often. */
const TIDY_EVERY_MS = 5000;

/** Has the consumer's janitor work now and then. */
export function tidyNowAndThen(
  consumer: Consumer,
  progress: TaskProgress,
  log: Logger,
): { stop: () => Promise<void> } {
  let running = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = tidy().finally(() => busy = false);
  }, TIDY_EVERY_MS);

  async function tidy(): Promise<void> {
    try {
      const { old, young } = await consumer.tidy();
      if (old + young > 0) progress.add("purged", old + young);
    } catch (error) {
      log.debug("Cannot tidy the queue", { reason: reasonOf(error) });
    }
  }
  return {
    stop() {
      clearInterval(timer);
      return running;
    },
  };
}
