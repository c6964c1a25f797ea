import type { Host, Thread, ThreadEvents } from "../../../src/host.ts";

/** `Host.startThread`, made of what starts a Worker whose entry calls `serveThread`. */
export function webThread(start: () => Worker): Host["startThread"] {
  return (events) => threadOf(start(), events);
}

/** What `serveThread` could not tell before the Worker ended is told here, as far as the platform knows of it. */
function threadOf(worker: Worker, events: ThreadEvents): Thread {
  let isOver = false;
  const ended = (reason: string) => {
    if (isOver) return;
    isOver = true;
    events.ended(reason);
  };
  worker.addEventListener("message", (event) => {
    if (!isOver) events.message(event.data);
  });
  worker.addEventListener("messageerror", () => ended("it sent what cannot be read"));
  worker.addEventListener("error", (event) => {
    // Else the whole process would end on Deno.
    event.preventDefault();
    ended(reasonIn(event.message));
  });
  // Of Bun alone, where it comes after the last message.
  worker.addEventListener("close", () => ended("it was closed"));
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    terminate() {
      isOver = true;
      worker.terminate();
    },
  };
}

/** Of an error that nobody caught Deno gives a line with a prefix, and Bun a piece of the code and the stack around it. */
function reasonIn(message: string): string {
  const lines = message.split("\n").filter((line) => !/^\s|^\d+ \||^$/.test(line));
  return (lines.at(-1) ?? message).replace(/^Uncaught (\(in promise\) )?/, "");
}
