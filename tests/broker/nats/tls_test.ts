import { after, before, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLine } from "../../support/commands/command.ts";
import { FlowFolder } from "../../support/commands/flow_folder.ts";
import { type NatsServer, startNats } from "../../support/servers/nats_server.ts";
import { serverSkip } from "../../support/servers/server_binary.ts";
import { makeCertificates } from "../../support/servers/test_certificates.ts";

const TIMES = 40;

describe("a NATS server that wants a certificate of its clients", {
  skip: serverSkip("nats-server"),
}, () => {
  const kflow = new CommandLine();
  let folder: FlowFolder;
  let server: NatsServer;

  before(async () => {
    folder = await FlowFolder.make();
    const { authority, certificate, key } = await makeCertificates();
    const ca = await folder.write("ca.pem", authority);
    const cert = await folder.write("cert.pem", certificate);
    const tls = `tls { cert_file: "${cert}", key_file: "${await folder.write("key.pem", key)}", ` +
      `ca_file: "${ca}", verify: true }`;
    server = await startNats({ tls });
  });
  after(async () => {
    await kflow.endAll();
    await server?.stop();
    await folder?.remove();
  });

  for (const way of ["tcp", "websocket"] as const) {
    // With TLS 1.3 its alert comes after the handshake, when the client takes itself for connected.
    it(`refuses a connection by ${way} without ending the process`, async () => {
      const url = way === "tcp"
        ? `tls://127.0.0.1:${server.tcpPort}`
        : `wss://127.0.0.1:${server.wsPort}`;
      const { status, stdout, stderr } = await kflow.run([url, String(TIMES)], {
        main: "tests/broker/nats/dial_again_and_again.ts",
        env: { NODE_EXTRA_CA_CERTS: folder.file("ca.pem") },
      });
      assert.equal(stderr, "");
      assert.match(
        stdout,
        new RegExp(`^${TIMES} refused: Cannot connect to NATS at ".+: .*certificate.*\n$`, "i"),
      );
      assert.equal(status, 0);
    });
  }
});
