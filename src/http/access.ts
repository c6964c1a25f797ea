import type { Secret } from "../secret.ts";
import { HttpError } from "./http_error.ts";
import { isLocal } from "./peer.ts";

/** Who may change something: whoever has the bearer token; without a token, programs on this machine. */
export class Access {
  readonly #expected?: Promise<Uint8Array>;

  /** @param token Absent or empty: there is none. */
  constructor(token: Secret | undefined) {
    const text = token?.reveal() ?? "";
    if (text !== "") this.#expected = digestOf(text);
  }

  /** @throws {HttpError} 401. */
  async check(request: Request, info: unknown): Promise<void> {
    const expected = await this.#expected;
    if (expected === undefined) {
      if (isLocal(request, info)) return;
      throw refused("No token is configured, so that only programs on this machine may do that", {
        hint: "configure a token for the handler, and send it as Authorization: Bearer TOKEN",
      });
    }
    const [, given] = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "") ?? [];
    const hint = "send Authorization: Bearer TOKEN";
    if (given === undefined) throw refused("The bearer token is missing", { hint });
    if (!isSame(await digestOf(given), expected)) {
      throw refused("The bearer token is wrong", { hint });
    }
  }
}

function refused(problem: string, { hint }: { hint: string }): HttpError {
  return new HttpError(401, problem, { hint, headers: { "WWW-Authenticate": "Bearer" } });
}

/** Tokens of any length become 32 bytes, so that comparing them tells nothing of either. */
async function digestOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** Takes the same time wherever they differ. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}
