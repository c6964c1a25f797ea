import { readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import type { Processes } from "../../../src/host.ts";
import { codeOf } from "./node_files_error.ts";

/** Told by `/proc`; where there is none nothing is known. */
export function processesOfThisMachine(): Processes {
  const machine = machineName();
  const start = machine === undefined ? undefined : startOf(process.pid);
  if (typeof start !== "string") return { own: undefined, isAlive: () => undefined };
  return {
    own: `${machine} ${process.pid} ${start}`,
    isAlive(name) {
      const [, where, pid, began] = /^(.+) (\d+) (\d+)$/.exec(name) ?? [];
      if (where !== machine) return undefined;
      const now = startOf(Number(pid));
      // A process that began at another time has the number of one that is gone.
      return now === undefined ? undefined : now === began;
    },
  };
}

/** Numbers of processes mean something only until the machine starts again, and only in their own container. */
function machineName(): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return undefined;
  }
}

/** When a living process began, in the system's ticks; `none` if there is no such process; undefined if that cannot be told. */
function startOf(pid: number): string | "none" | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    return codeOf(error) === "ENOENT" ? "none" : undefined;
  }
  // The name, in parentheses, may have blanks and parentheses itself; what follows is the state and numbers.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (Number.parseInt(stat) !== pid) return undefined;
  return fields[0] === "Z" || fields[0] === "X" ? "none" : fields[19];
}
