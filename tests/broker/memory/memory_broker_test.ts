import { createMemoryBroker } from "../../../src/broker/memory/memory_broker.ts";
import { MemoryState } from "../../../src/broker/memory/memory_state.ts";
import { testBroker } from "../../contracts/broker_contract.ts";
import { testState } from "../../contracts/state_contract.ts";

testBroker("embedded", { durable: false }, () => {
  const broker = createMemoryBroker();
  return Promise.resolve({ broker, another: broker, end: () => broker.close() });
});

testState("embedded", () => {
  const state = new MemoryState();
  return Promise.resolve({ state, another: state, end: () => Promise.resolve() });
});
