import { type LockedPackage, lockedPackages } from "./locked_packages.ts";

/** One component of a bill of materials (CycloneDX 1.6). */
export interface Component {
  readonly type: "application" | "library";
  readonly "bom-ref": string;
  readonly name: string;
  readonly group?: string;
  readonly version: string;
  readonly purl: string;
  /** `excluded`: only development needs it. */
  readonly scope?: "required" | "optional" | "excluded";
  readonly licenses?: readonly ({ license: { id: string } } | { expression: string })[];
  readonly hashes?: readonly { alg: string; content: string }[];
}

/** A bill of materials: https://cyclonedx.org/docs/1.6/json. */
export interface Sbom {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly version: number;
  readonly metadata: {
    readonly lifecycles: readonly { phase: string }[];
    readonly component: Component;
  };
  readonly components: readonly Component[];
  readonly dependencies: readonly { ref: string; dependsOn: readonly string[] }[];
}

/** The runtime that `bun build --compile` puts into the binary: a tool of development, and a part of what is delivered. */
const RUNTIME = "bun";
const ALGORITHMS: Readonly<Record<string, string>> = { sha512: "SHA-512", sha1: "SHA-1" };

/** What kflow is made of, by its package-lock.json. It has no time and no number of its own, so that the same lock gives the same text. */
export function makeSbom({ packageJson, packageLock }: {
  packageJson: string;
  packageLock: string;
}): Sbom {
  const project = JSON.parse(packageJson) as { name: string; version: string; license: string };
  const { packages, needs } = lockedPackages(packageLock);
  const self: Component = {
    type: "application",
    "bom-ref": project.name,
    name: project.name,
    version: project.version,
    purl: `pkg:generic/${project.name}@${project.version}`,
    licenses: licensesOf(project.license),
  };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { lifecycles: [{ phase: "build" }], component: self },
    components: packages.map(componentOf),
    dependencies: [
      { ref: project.name, dependsOn: needs },
      ...packages.map(({ path, needs }) => ({ ref: path, dependsOn: needs })),
    ],
  };
}

function componentOf(locked: LockedPackage): Component {
  const { path, name, version, license, integrity, dev, optional } = locked;
  const [group, plain] = name.startsWith("@") ? name.split("/") : [undefined, name];
  const scope = name === RUNTIME
    ? "required"
    : dev
    ? "excluded"
    : optional
    ? "optional"
    : "required";
  return {
    type: name === RUNTIME ? "application" : "library",
    "bom-ref": path,
    ...(group !== undefined && { group }),
    name: plain!,
    version,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    scope,
    ...(license !== undefined && { licenses: licensesOf(license) }),
    ...(integrity !== undefined && { hashes: hashesOf(integrity) }),
  };
}

/** An identifier of SPDX, or an expression of several. */
function licensesOf(license: string): NonNullable<Component["licenses"]> {
  return /^[\w.+-]+$/.test(license) ? [{ license: { id: license } }] : [{ expression: license }];
}

/** Of what the registry delivers, in hex. */
function hashesOf(integrity: string): { alg: string; content: string }[] {
  return integrity.split(/\s+/).flatMap((each) => {
    const [, name = "", base64 = ""] = /^(\w+)-([A-Za-z0-9+/]+=*)$/.exec(each) ?? [];
    const alg = ALGORITHMS[name];
    if (alg === undefined) return [];
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return [{ alg, content: bytes.toHex() }];
  });
}
