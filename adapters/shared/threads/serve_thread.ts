import process from "node:process";
import { AvroCodec } from "../../../src/codec/avro/avro_codec.ts";
import type { Host } from "../../../src/host.ts";
import { Inside } from "../../../src/isolate/worker_side.ts";

/** The part of a Worker's global scope used here. */
interface WorkerScope {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  /** Bun has none. */
  close?: () => void;
}

/** The rest of a Worker's entry: serves the thread that has started this one. */
export function serveThread(loadModule: Host["loadModule"]): void {
  const scope = globalThis as unknown as WorkerScope;
  // Kept: the user's code may put its own in its place.
  const post = scope.postMessage.bind(scope);
  const inside = new Inside({
    post: (message, transfer = []) => post(message, [...transfer]),
    codec: new AvroCodec(),
    loadModule,
  });
  scope.addEventListener("message", (event) => inside.receive(event.data));
  process.on("uncaughtException", (error) => inside.tellEnd(error));
  process.on("unhandledRejection", (reason) => inside.tellEnd(reason));
  tellEndBy(inside, process, "exit");
  tellEndBy(inside, scope, "close");
  const { Deno } = globalThis as { Deno?: { exit(status?: number): never } };
  if (Deno !== undefined) tellEndBy(inside, Deno, "exit");
}

/** A Worker that ends itself says nothing of it on Deno, so that its caller would wait for ever. */
function tellEndBy<K extends "exit" | "close">(
  inside: Inside,
  of: { [key in K]?: (status?: never) => unknown },
  name: K,
): void {
  const end = of[name];
  if (end === undefined) return;
  of[name] = (status) => {
    inside.tellEnd(`it called ${name}(${status ?? ""})`);
    return end.call(of, status);
  };
}
