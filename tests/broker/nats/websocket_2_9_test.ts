import { openSocket } from "../../../adapters/deno/open_socket.ts";
import { testNats } from "../../support/in_process/nats_contract.ts";

const open = (url: string) => Promise.resolve(openSocket(url));

// The other file of websockets uses the platform's.
testNats("NATS 2.9 websocket", { kind: "websocket", version: "2.9", openSocket: open });
