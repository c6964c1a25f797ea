import { after, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { createServer as createPlainServer, type Server as PlainServer } from "node:http";
import { createServer, type Server } from "node:https";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import {
  type CertificateFault,
  makeCertificates,
} from "../../support/servers/test_certificates.ts";

const WHO = ["s3", "elastic", "otlp", "tcp", "websocket"] as const;

const AUTHORITY = /; give the certificate of its authority .* NODE_EXTRA_CA_CERTS/;
const CASES: { what: string; fault: CertificateFault; given: boolean; says: RegExp }[] = [
  { what: "of an unknown issuer", fault: {}, given: false, says: AUTHORITY },
  { what: "signed by itself", fault: { selfSigned: true }, given: false, says: AUTHORITY },
  {
    what: "that has expired",
    fault: { expired: true },
    given: true,
    says: /it has expired; /,
  },
  {
    what: "for another name",
    fault: { otherName: true },
    given: true,
    says: /: it is for another host name; give the address/,
  },
];

describe("a server with a certificate", { skip: serverSkip("nats-server") }, () => {
  const kflow = new CommandLine();
  const open: (() => Promise<unknown>)[] = [];
  after(async () => {
    await kflow.endAll();
    for (const close of open) await close();
  });

  /** What each client says of the servers with this certificate. */
  async function said(fault: CertificateFault, isGiven: boolean): Promise<Map<string, string>> {
    const folder = await FlowFolder.make();
    open.push(() => folder.remove());
    const { authority, certificate, key } = await makeCertificates(fault);
    const ca = await folder.write("ca.pem", "selfSigned" in fault ? certificate : authority);
    const cert = await folder.write("cert.pem", certificate);
    const web = createServer({ cert: certificate, key }, answer);
    // Its clients do not trust it.
    web.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => web.listen(0, resolve));
    open.push(() => closed(web));
    const nats: NatsServer = await startNats({
      tls: `tls { cert_file: "${cert}", key_file: "${await folder.write("key.pem", key)}" }`,
    });
    open.push(() => nats.stop());
    const { port } = web.address() as { port: number };
    const ports = [port, nats.tcpPort, nats.wsPort].map(String);
    const { stdout, stderr } = await kflow.run(ports, {
      main: "tests/support/commands/ask_over_tls.ts",
      env: isGiven ? { NODE_EXTRA_CA_CERTS: ca } : {},
    });
    assert.equal(stderr, "");
    const lines = stdout.trimEnd().split("\n").map((line) => line.split(/: (.*)/));
    return new Map(lines.map(([who = "", what = ""]) => [who, what]));
  }

  for (const [what, fault] of [["its authority", {}], ["itself", { selfSigned: true }]] as const) {
    it(`is trusted by all clients once ${what} is given`, async () => {
      const answers = await said(fault, true);
      for (const who of WHO) {
        if (who === "otlp") assert.equal(answers.get(who), undefined);
        else assert.equal(answers.get(who), "trusted", who);
      }
    });
  }

  for (const { what, fault, given, says } of CASES) {
    it(`${what} is refused by all clients, which say so and what to do`, async () => {
      const answers = await said(fault, given);
      for (const who of WHO) {
        const answer = answers.get(who) ?? "nothing";
        assert.match(answer, /the certificate of the server is not trusted: /, `${who}: ${answer}`);
        assert.match(answer, says, `${who}: ${answer}`);
        if (who === "tcp" || who === "websocket") assert.match(answer, /\(final\)$/);
      }
    });
  }

  it("is distinguished from one that does not speak TLS", async () => {
    const web = createPlainServer(answer);
    await new Promise<void>((resolve) => web.listen(0, resolve));
    open.push(() => closed(web));
    const nats = await startNats();
    open.push(() => nats.stop());
    const { port } = web.address() as { port: number };
    const ports = [port, nats.tcpPort, nats.wsPort].map(String);
    const { stdout } = await kflow.run(ports, { main: "tests/support/commands/ask_over_tls.ts" });
    for (const who of ["s3", "elastic", "otlp", "websocket"]) {
      const line = stdout.split("\n").find((each) => each.startsWith(`${who}: `)) ?? stdout;
      assert.match(line, /the server does not speak TLS at this port; give the port that does/);
    }
  });
});

/** An answer that suits Elasticsearch, an empty listing and a collector. */
function answer(
  { url = "" }: { url?: string },
  response: { setHeader(name: string, value: string): void; end(text: string): void },
): void {
  if (!url.startsWith("/docs")) return response.end("{}");
  response.setHeader("content-type", "application/xml");
  response.end(
    '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>',
  );
}

function closed(server: Server | PlainServer): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
