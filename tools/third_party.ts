import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type LockedPackage, lockedPackages } from "./locked_packages.ts";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const TEXTS = "tools/licenses";
const IS_TEXT = /^(licen[cs]e|copying|notice)([.-].*)?$/i;
const RULE = "=".repeat(80);

/**
 * The licences of all that the binary contains: of each package that kflow needs, as it comes with the package, and of Bun, whose runtime is in it. What a package does not
 * bring along is in `tools/licenses`.
 * @throws {Error} naming the packages without a text.
 */
export async function thirdPartyText(root: string = ROOT): Promise<string> {
  const { packages } = lockedPackages(await readFile(join(root, "package-lock.json"), "utf8"));
  const bun = packages.find(({ name }) => name === "bun")!;
  const used = packages.filter(({ dev }) => !dev);
  const texts = await Promise.all(used.map((each) => textsOf(each, root)));
  const without = used.filter((_each, at) => texts[at]!.length === 0);
  if (without.length > 0) {
    const names = without.map(({ name, version }) => `${name} ${version}`).join(", ");
    throw new Error(`No text of a licence for ${names}: add ${TEXTS}/NAME.txt`);
  }
  const read = (name: string) => readFile(join(root, TEXTS, name), "utf8");
  const parts = [
    ...used.map(({ name, version, license }, at) =>
      part(`${name} ${version} (${license})`, texts[at]!.join("\n\n"))
    ),
    part(`Bun ${bun.version}: its runtime is part of the binary`, await read("bun.md")),
    part("GNU Library General Public License, version 2", await read("LGPL-2.0.txt")),
    part("GNU Lesser General Public License, version 2.1", await read("LGPL-2.1.txt")),
  ];
  return "kflow is licensed under the Apache License 2.0, see LICENSE. The binary contains the packages and programs below, each under the licence that follows its name.\n\n" +
    parts.join("\n");
}

async function textsOf({ path, name }: LockedPackage, root: string): Promise<string[]> {
  const folder = join(root, path);
  const files = (await readdir(folder)).filter((file) => IS_TEXT.test(file)).sort();
  const ours = `${name.replace("/", "-")}.txt`;
  const places = files.length > 0
    ? files.map((file) => join(folder, file))
    : (await readdir(join(root, TEXTS))).filter((file) => file === ours)
      .map((file) => join(root, TEXTS, file));
  return await Promise.all(places.map((place) => readFile(place, "utf8")));
}

function part(title: string, text: string): string {
  return `${RULE}\n${title}\n${RULE}\n\n${text.replaceAll("\r\n", "\n").trim()}\n`;
}
