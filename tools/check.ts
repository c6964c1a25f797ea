import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CHECKS, runCheck } from "./checks.ts";
import { Commands } from "./process.ts";
import { Tally } from "./test_tally.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.env.PATH = `${join(root, "node_modules", ".bin")}:${process.env.PATH}`;
const commands = new Commands();
commands.endWithSignals();
const tally = new Tally((line) => console.log(line));
for (const check of CHECKS) {
  const { problems, milliseconds } = await runCheck(check, { root, commands });
  tally.check(check.name, problems, milliseconds);
}
tally.close();
process.exit(tally.failed === 0 ? 0 : 1);
