import { spawn } from "node:child_process";
import { serverBinary } from "../servers/server_binary.ts";

/** What Prometheus' own tool says of what is given on its standard input. */
export async function promtool(
  args: readonly string[],
  input = "",
): Promise<{ status: number; output: string }> {
  const child = spawn(serverBinary("promtool"), [...args], { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes: Uint8Array) => output += new TextDecoder().decode(bytes));
  }
  child.stdin.end(input);
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 128));
  });
  return { status, output };
}
