import { testNats } from "../support/nats_contract.ts";

testNats("NATS websocket", { kind: "websocket" });
