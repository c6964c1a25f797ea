import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { VERSION } from "../src/base/version.ts";
import { buildBinary, commitOf } from "./build_binary.ts";
import { Commands } from "./process.ts";
import { findProgram } from "./server_binaries.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const BUILD_LIMIT_MS = 600_000;
const BUILDERS = ["docker", "podman", "buildah"];
const USAGE = `Usage: npm run build:image -- [--tag NAME] [--base IMAGE] [--builder PROGRAM]

Builds dist/kflow and an image with it.

  --tag NAME         name of the image (default: localhost/kflow)
  --base IMAGE       what it is built on (default: docker.io/library/debian:bookworm-slim)
  --builder PROGRAM  ${BUILDERS.join(", ")} (default: the first of them that is installed)
`;

export interface BuildImageOptions {
  /** Folder with a Containerfile and what it copies. */
  context: string;
  tag: string;
  /** Arguments of the Containerfile. @default its own */
  args?: Readonly<Record<string, string>>;
  /** The program, with options that come before its command. */
  builder: readonly [program: string, ...options: string[]];
  /** Options of its command `build`. @default none */
  buildOptions?: readonly string[];
  commands: Commands;
}

/** Builds an image. @throws {Error} with what the builder says. */
export async function buildImage(options: BuildImageOptions): Promise<void> {
  const { context, tag, args = {}, builder, buildOptions = [], commands } = options;
  const [program, ...before] = builder;
  const { status, output } = await commands.run(program, [
    ...before,
    "build",
    ...buildOptions,
    ...Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`),
    `--tag=${tag}`,
    `--file=${join(context, "Containerfile")}`,
    context,
  ], { timeoutMs: BUILD_LIMIT_MS });
  if (status !== 0) throw new Error(`Cannot build the image ${tag}:\n${output}`);
}

function readOptions(args: readonly string[]): { tag: string; base?: string; builder: string } {
  const given: Record<string, string> = {};
  for (let i = 0; i < args.length; i += 2) {
    const name = /^--(tag|base|builder)$/.exec(args[i]!)?.[1];
    const value = args[i + 1];
    if (name === undefined || value === undefined) throw new RangeError(USAGE);
    given[name] = value;
  }
  const builder = given.builder ?? BUILDERS.find((program) => findProgram(program) !== undefined);
  if (builder === undefined) throw new Error(`Install one of ${BUILDERS.join(", ")} first`);
  return { tag: given.tag ?? "localhost/kflow", base: given.base, builder };
}

if (import.meta.main) {
  const commands = new Commands();
  commands.endWithSignals();
  try {
    const { builder, base, tag } = readOptions(process.argv.slice(2));
    // The programs of node_modules come first even without npm.
    process.env.PATH = `${join(ROOT, "node_modules", ".bin")}:${process.env.PATH}`;
    await buildBinary(join(ROOT, "dist", "kflow"), commands);
    const about = { VERSION, COMMIT: await commitOf(commands) };
    const args = base === undefined ? about : { ...about, BASE: base };
    await buildImage({ context: ROOT, tag, args, builder: [builder], commands });
    console.log(`Built ${tag} with ${builder}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(error instanceof RangeError ? 2 : 1);
  }
}
