import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { processesOfThisMachine } from "../../adapters/shared/node/processes.ts";

describe(
  "processesOfThisMachine()",
  { skip: existsSync("/proc/self/ns/pid") ? false : "no /proc" },
  () => {
    const { own, isAlive } = processesOfThisMachine();
    const named = (pid: number, start: string) => own!.replace(/\d+ \d+$/, `${pid} ${start}`);
    const startOf = (pid: number) =>
      readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")[19]!;

    it("names this process, which lives", () => {
      assert.match(own!, new RegExp(`^[0-9a-f-]{36} pid:\\[\\d+\\] ${process.pid} \\d+$`));
      assert.equal(isAlive(own!), true);
      assert.equal(processesOfThisMachine().own, own);
    });

    it("knows that another one lives, and when it has been killed", async () => {
      const other = spawn("sleep", ["60"], { stdio: "ignore" });
      const gone = new Promise((resolve) => other.once("exit", resolve));
      const name = named(other.pid!, startOf(other.pid!));
      assert.equal(isAlive(name), true);
      other.kill("SIGKILL");
      await gone;
      assert.equal(isAlive(name), false);
    });

    it("does not take a later process of the same number for it", () => {
      assert.equal(isAlive(named(process.pid, "1")), false);
    });

    it("knows nothing of another machine, another container, or what is no name", () => {
      assert.equal(isAlive(own!.replace(/^[0-9a-f]{8}/, "00000000")), undefined);
      assert.equal(isAlive(own!.replace(/\[\d+\]/, "[1]")), undefined);
      for (const text of ["", "x", "1 2", `${own} 3`, "\n"]) assert.equal(isAlive(text), undefined);
    });
  },
);
