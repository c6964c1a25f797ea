import { testNats } from "../../support/in_process/nats_contract.ts";

testNats("NATS 2.9 TCP", { kind: "tcp", version: "2.9" });
