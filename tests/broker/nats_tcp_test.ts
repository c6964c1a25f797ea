import { testNats } from "../support/nats_contract.ts";

testNats("NATS TCP", { kind: "tcp" });
