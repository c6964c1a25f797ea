import type { Secret } from "../base/secret.ts";
import { HttpError } from "./http_error.ts";
import { isLocal } from "./client_address.ts";

export interface AccessOptions {
  /** Absent or empty: there is none. */
  readonly token: Secret | undefined;
  /** Whether programs on this machine need no token where there is none. Only for a server that nobody else can reach. */
  readonly local: boolean;
}

/** Who may change something: clients that send the bearer token; where there is none, programs on this machine or nobody. */
export class Access {
  readonly #expected?: Promise<Uint8Array>;
  readonly #local: boolean;

  constructor({ token, local }: AccessOptions) {
    this.#local = local;
    const text = token?.reveal() ?? "";
    if (text !== "") this.#expected = digestOf(text);
  }

  /** @throws {HttpError} 401. */
  async check(request: Request, info: unknown): Promise<void> {
    const expected = await this.#expected;
    if (expected === undefined) {
      if (this.#local && isLocal(request, info)) return;
      const who = this.#local ? "only programs on this machine may do that" : "nobody may do that";
      throw refused(`No token is configured, so that ${who}`, {
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
