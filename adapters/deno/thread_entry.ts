/** What runs in a Worker on Deno. */
import { serveThread } from "../shared/threads/serve_thread.ts";
import { loadModule } from "./load_module.ts";

serveThread(loadModule);
