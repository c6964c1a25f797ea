import assert from "node:assert/strict";
import type { Command } from "./command.ts";

/**
 * Fails unless each of these workers ends because its batch is finished.
 * @param said What each has to say. @default that its own work is done
 */
export async function allEndWell(
  workers: readonly Command[],
  said = /"Worker is finished"/,
): Promise<void> {
  for (const worker of workers) {
    const { status, stderr } = await worker.end();
    assert.equal(status, 0, stderr);
    assert.match(stderr, said);
  }
}
