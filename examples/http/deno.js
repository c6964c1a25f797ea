import { handler } from "./handler.ts";

Deno.serve({ hostname: "127.0.0.1" }, handler);
