import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { makeSbom } from "./sbom.ts";
import { thirdPartyText } from "./third_party.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** What goes with the binary and into the image. */
export const NOTICES = ["LICENSE", "THIRD-PARTY.txt", "kflow.cdx.json"] as const;

/** Writes kflow's licence, the licences of what the binary contains, and the bill of materials into a folder. */
export async function writeNotices(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const read = (name: string) => readFile(join(ROOT, name), "utf8");
  const sbom = makeSbom({
    packageJson: await read("package.json"),
    packageLock: await read("package-lock.json"),
  });
  const [license, thirdParty, bill] = NOTICES.map((name) => join(folder, name));
  await copyFile(join(ROOT, "LICENSE"), license!);
  await writeFile(thirdParty!, await thirdPartyText());
  await writeFile(bill!, `${JSON.stringify(sbom, undefined, 2)}\n`);
}

if (import.meta.main) {
  const folder = join(ROOT, "dist");
  try {
    await writeNotices(folder);
    console.log(`Wrote ${NOTICES.join(", ")} into ${folder}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
