/** What runs in a Worker on Bun. */
import { serveThread } from "../shared/threads/serve_thread.ts";
import { loadModule, provideKflow } from "./load_module.ts";

provideKflow();
serveThread(loadModule);
