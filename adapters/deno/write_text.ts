/** The part of Deno used here; its own types are not there for `tsc`. */
interface DenoGlobal {
  readonly stdout: { write(bytes: Uint8Array): Promise<number> };
  readonly stderr: { write(bytes: Uint8Array): Promise<number> };
  readonly errors: { readonly WouldBlock: new () => Error };
}

/** A stream that another program has made non-blocking is full for at least this long. */
const FULL_MS = 5;

/** Writes in another thread: Deno's `process.stdout` blocks this one while a pipe is full. */
export async function writeText(stream: "stdout" | "stderr", text: string): Promise<void> {
  const deno = (globalThis as unknown as { Deno: DenoGlobal }).Deno;
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += await deno[stream].write(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof deno.errors.WouldBlock)) throw error;
      await new Promise((resolve) => setTimeout(resolve, FULL_MS));
    }
  }
}
