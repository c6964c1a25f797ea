import { testNats } from "../support/nats_contract.ts";

testNats("NATS 2.9 websocket", { kind: "websocket", version: "2.9" });
