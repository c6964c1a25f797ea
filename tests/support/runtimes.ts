export const RUNTIMES = ["deno", "bun"] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** The runtime that this test runs on. */
export const OWN_RUNTIME: Runtime = "Deno" in globalThis ? "deno" : "bun";
export const OTHER_RUNTIME: Runtime = OWN_RUNTIME === "deno" ? "bun" : "deno";
