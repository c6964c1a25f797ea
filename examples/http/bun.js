import { handler } from "./handler.ts";

Bun.serve({ fetch: handler });
