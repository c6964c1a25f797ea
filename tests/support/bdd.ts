// Stands in for `@std/testing/bdd`, which lives on a registry that not every machine reaches.
// `deno.json` (imports) and `tsconfig.json` (paths) map that name to this file.
import * as node from "node:test";

export { describe } from "node:test";

/** How long a test or a hook may take unless it says otherwise, ms: Bun's own limit is too short for a flow on a server. */
const TIMEOUT_MS = 60_000;

type Body = (context: node.TestContext) => void | Promise<void>;
type HookBody = () => unknown;

export interface HookOptions {
  /** @default 60_000 */
  readonly timeout?: number;
}

export interface TestOptions extends HookOptions {
  /** Why the test is not run. */
  readonly skip?: string | boolean;
}

/** Registers a test. */
export function it(name: string, body: Body): void;
export function it(name: string, options: TestOptions, body: Body): void;
export function it(name: string, second: TestOptions | Body, third?: Body): void {
  const [options, body] = typeof second === "function" ? [{}, second] : [second, third!];
  void node.it(name, { timeout: TIMEOUT_MS, ...options }, body);
}

/** Runs once before the tests of the suite. */
export function before(body: HookBody, options: HookOptions = {}): void {
  node.before(awaited(body), { timeout: TIMEOUT_MS, ...options });
}

/** Runs once after the tests of the suite. */
export function after(body: HookBody, options: HookOptions = {}): void {
  node.after(awaited(body), { timeout: TIMEOUT_MS, ...options });
}

export function beforeEach(body: HookBody, options: HookOptions = {}): void {
  node.beforeEach(awaited(body), { timeout: TIMEOUT_MS, ...options });
}

export function afterEach(body: HookBody, options: HookOptions = {}): void {
  node.afterEach(awaited(body), { timeout: TIMEOUT_MS, ...options });
}

export { after as afterAll, before as beforeAll };

function awaited(body: HookBody): () => Promise<void> {
  return async () => void await body();
}

// Bun does not read the `timeout` of a hook, only its own default.
if ("Bun" in globalThis) {
  const bun: string = "bun:test";
  const { setDefaultTimeout } = await import(bun);
  setDefaultTimeout(TIMEOUT_MS);
}
