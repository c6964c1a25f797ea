import { execFile } from "node:child_process";
import process from "node:process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { serverBinary } from "../servers/server_binary.ts";

/** Bytes as one character a byte, and integers beyond 2^53 as text, as kflow writes them in JSON. */
const SCRIPT = `
import json, sys, fastavro
def plain(value):
    if isinstance(value, bytes): return value.decode("latin-1")
    if isinstance(value, bool): return value
    if isinstance(value, int) and abs(value) > 2**53: return str(value)
    if isinstance(value, dict): return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list): return [plain(item) for item in value]
    return value
with open(sys.argv[1], "rb") as file:
    reader = fastavro.reader(file)
    print(json.dumps({"schema": reader.writer_schema["name"], "records": [plain(record) for record in reader]}))
`;

/** What a Python program prints that finds fastavro. */
export async function runWithFastavro(args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("python3", args, {
    env: { ...process.env, PYTHONPATH: serverBinary("fastavro") },
    timeout: 30_000,
  });
  return stdout;
}

/** What Python's fastavro reads in an object container file. */
export async function readWithFastavro(
  content: Uint8Array,
): Promise<{ schema: string; records: unknown[] }> {
  const folder = await mkdtemp(join(tmpdir(), "kflow-fastavro-"));
  try {
    const file = join(folder, "content.avro");
    await writeFile(file, content);
    return JSON.parse(await runWithFastavro(["-c", SCRIPT, file]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
