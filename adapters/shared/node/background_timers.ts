import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import type { Timers } from "../../../src/base/time/timers.ts";

/** The real time, with timers that keep no process alive. */
export const BACKGROUND_TIMERS: Timers = {
  now: () => performance.now(),
  after(milliseconds, call) {
    const timer = setTimeout(call, milliseconds).unref();
    return () => clearTimeout(timer);
  },
  every(milliseconds, call) {
    const timer = setInterval(call, milliseconds).unref();
    return () => clearInterval(timer);
  },
};
