import { mkdtemp, rm } from "node:fs/promises";
import type { TestKitPlatform } from "../../../src/test_kit/test_kit.ts";
import { openNodeFiles } from "./node_files.ts";

/** A new folder below /tmp, as downloads have it. */
export async function temporaryFiles(): ReturnType<TestKitPlatform["temporaryFiles"]> {
  const folder = await mkdtemp("/tmp/kflow-test-kit-");
  return {
    files: await openNodeFiles(folder, { below: "/tmp" }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
