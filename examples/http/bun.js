import { handler } from "./handler.ts";

Bun.serve({ hostname: "127.0.0.1", fetch: handler });
