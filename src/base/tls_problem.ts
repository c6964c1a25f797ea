interface Problem {
  readonly found: RegExp;
  readonly what: string;
  readonly remedy: "authority" | "renew" | "name";
}

/** What is wrong with a certificate, by the code of OpenSSL and Bun or the words of rustls, which Deno's `fetch` has. */
const PROBLEMS: readonly Problem[] = [
  {
    found: /SELF_SIGNED_CERT|self[- ]signed|CaUsedAsEndEntity/i,
    what: "it is self-signed",
    remedy: "authority",
  },
  {
    found: /UNABLE_TO_GET_ISSUER_CERT|unable to get (local )?issuer certificate|UnknownIssuer/i,
    what: "its issuer is unknown",
    remedy: "authority",
  },
  {
    found: /UNABLE_TO_VERIFY_LEAF_SIGNATURE|unable to verify the first certificate/i,
    // `node:tls` of Deno says no more of a certificate that has expired.
    what: "its issuer is unknown, or, on Deno, it has expired",
    remedy: "authority",
  },
  {
    found: /CERT_HAS_EXPIRED|certificate (has )?expired|peer certificate: .*expired/i,
    what: "it has expired",
    remedy: "renew",
  },
  {
    found: /CERT_NOT_YET_VALID|certificate is not yet valid|NotValidYet/i,
    what: "it is not valid yet",
    remedy: "renew",
  },
  {
    found:
      /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate's altnames|NotValidForName|not valid for name/i,
    what: "it is for another host name",
    remedy: "name",
  },
];

const REMEDIES = {
  authority:
    "give the certificate of its authority (or itself), as a file in PEM, by the variable NODE_EXTRA_CA_CERTS",
  renew: "renew it on the server, or correct the clock of this machine",
  name: "give the address with a name that the certificate has",
} as const;

const NOT_TLS_REMEDY = "give the port that does, or an address without TLS (http, ws or nats)";

/** Causes of causes that are looked at. */
const DEPTH = 5;

/** What rustls, Bun and OpenSSL say of an answer that is not TLS. */
const NOT_TLS = /InvalidContentType|does the server speak TLS|wrong.version.number/i;

/**
 * Says why no TLS connection is made that would work a moment later: the certificate of the server is not trusted, or it does not speak TLS; undefined for any other error. Platforms put
 * it into errors of a connection, where it looks like a server that is unreachable.
 */
export function tlsProblem(error: unknown): string | undefined {
  let each = error;
  for (let i = 0; i < DEPTH && each instanceof Error; i++) {
    const text = `${"code" in each ? String(each.code) : ""} ${each.message}`;
    if (NOT_TLS.test(text)) return `the server does not speak TLS at this port; ${NOT_TLS_REMEDY}`;
    const problem = PROBLEMS.find(({ found }) => found.test(text));
    if (problem !== undefined) {
      return `the certificate of the server is not trusted: ${problem.what}; ${
        REMEDIES[problem.remedy]
      }`;
    }
    each = each.cause;
  }
  return undefined;
}
