/** A certificate authority and a certificate of it for 127.0.0.1 and localhost, as PEM. Made for each test, so that no key lies in the repository. */
export interface TestCertificates {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

const EC_KEY = { name: "ECDSA", namedCurve: "P-256" } as const;
const ECDSA_SHA256 = der(0x30, oid("1.2.840.10045.4.3.2"));

/** What is wrong with a certificate. */
export interface CertificateFault {
  /** Signed by its own key, not by the authority. */
  selfSigned?: boolean;
  expired?: boolean;
  /** For another.example alone. */
  otherName?: boolean;
}

export async function makeCertificates(fault: CertificateFault = {}): Promise<TestCertificates> {
  const authority = await crypto.subtle.generateKey(EC_KEY, true, ["sign", "verify"]);
  const server = await crypto.subtle.generateKey(EC_KEY, true, ["sign", "verify"]);
  const issuer = "kflow test authority";
  const isAuthority = extension("2.5.29.19", der(0x30, der(0x01, [0xff])), true);
  const names = fault.otherName
    ? der(0x30, der(0x82, [...text("another.example")]))
    : der(0x30, der(0x82, [...text("localhost")]), der(0x87, [127, 0, 0, 1]));
  return {
    authority: await certificate(authority.publicKey, {
      subject: issuer,
      issuer,
      extensions: [isAuthority],
      signer: authority.privateKey,
    }),
    certificate: await certificate(server.publicKey, {
      subject: "localhost",
      issuer: fault.selfSigned ? "localhost" : issuer,
      extensions: [extension("2.5.29.17", names)],
      signer: fault.selfSigned ? server.privateKey : authority.privateKey,
      expired: fault.expired,
    }),
    key: pem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", server.privateKey)),
  };
}

/** RFC 5280, 4.1. */
async function certificate(
  key: CryptoKey,
  { subject, issuer, extensions, signer, expired = false }: {
    subject: string;
    issuer: string;
    extensions: Uint8Array[];
    signer: CryptoKey;
    expired?: boolean;
  },
): Promise<string> {
  const now = Date.now();
  const day = 86_400_000;
  const body = der(
    0x30,
    der(0xa0, der(0x02, [2])),
    der(0x02, [1, ...crypto.getRandomValues(new Uint8Array(8))]),
    ECDSA_SHA256,
    nameOf(issuer),
    der(0x30, time(now - 3 * day), time(expired ? now - 2 * day : now + day)),
    nameOf(subject),
    new Uint8Array(await crypto.subtle.exportKey("spki", key)),
    der(0xa3, der(0x30, ...extensions)),
  );
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, signer, body);
  const raw = new Uint8Array(signature);
  const pair = der(0x30, positive(raw.subarray(0, 32)), positive(raw.subarray(32)));
  return pem("CERTIFICATE", der(0x30, body, ECDSA_SHA256, der(0x03, [0], pair)).buffer);
}

function extension(id: string, value: Uint8Array, critical = false): Uint8Array {
  const isCritical = critical ? [der(0x01, [0xff])] : [];
  return der(0x30, oid(id), ...isCritical, der(0x04, value));
}

function nameOf(commonName: string): Uint8Array {
  return der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), der(0x0c, text(commonName)))));
}

function time(unixMs: number): Uint8Array {
  const digits = new Date(unixMs).toISOString().replaceAll(/[-:T]|\..*/g, "");
  return der(0x17, text(`${digits.slice(2)}Z`));
}

/** An integer that is not negative. */
function positive(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0);
  const short = bytes.subarray(start === -1 ? bytes.length - 1 : start);
  return der(0x02, short[0]! > 127 ? [0, ...short] : short);
}

function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = rest.flatMap((number) => {
    const groups = [number & 127];
    for (let left = number >> 7; left > 0; left >>= 7) groups.unshift((left & 127) | 128);
    return groups;
  });
  return der(0x06, [first * 40 + second, ...bytes]);
}

/** Tag, length and contents. */
function der(tag: number, ...parts: ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const content = parts.flatMap((part) => Array.from(part));
  const length = content.length < 128
    ? [content.length]
    : content.length < 256
    ? [0x81, content.length]
    : [0x82, content.length >> 8, content.length & 255];
  return Uint8Array.from([tag, ...length, ...content]);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function pem(label: string, bytes: ArrayBuffer): string {
  const base64 = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  const lines = base64.match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
