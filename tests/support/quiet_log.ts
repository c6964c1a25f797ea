import { createLogger } from "../../src/log.ts";

/** Writes nothing. */
export const quiet = createLogger({ level: "CRITICAL", write: () => {} });
