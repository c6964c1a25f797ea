import { testNats } from "../../support/in_process/nats_contract.ts";

testNats("NATS websocket", { kind: "websocket" });
