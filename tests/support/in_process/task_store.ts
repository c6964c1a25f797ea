import { openFile } from "../../../adapters/shared/node/open_file.ts";
import type { Logger } from "../../../src/base/log.ts";
import type { TaskStore } from "../../../src/api/task_store.ts";
import { createTaskStore } from "../../../src/runtime/downloads/file_store.ts";
import { TransferLog } from "../../../src/runtime/downloads/transfer_log.ts";
import type { Store } from "../../../src/store/store.ts";
import { quiet } from "./quiet_log.ts";

/** A store as functions have it, with the files of this machine. @param percent Between two lines of a transfer. */
export function taskStoreOf(
  store: Store,
  { log = quiet, percent }: { log?: Logger; percent?: number } = {},
): TaskStore {
  return createTaskStore({ store, openFile, transfers: new TransferLog({ log, percent }) });
}
