import assert from "node:assert/strict";
import type { Command } from "./command.ts";

/** Fails unless each of these workers ends because its batch is finished. */
export async function allEndWell(workers: readonly Command[]): Promise<void> {
  for (const worker of workers) {
    const { status, stderr } = await worker.end();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /"Worker is finished"/);
  }
}
