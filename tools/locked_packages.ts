/** One package of package-lock.json. */
export interface LockedPackage {
  /** Where npm puts it: `node_modules/a/node_modules/b`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license?: string;
  /** Subresource integrity: `sha512-…`. */
  readonly integrity?: string;
  /** Whether only development needs it. */
  readonly dev: boolean;
  /** Whether it is left out where it does not fit the machine. */
  readonly optional: boolean;
  /** Paths of the packages that it needs, as far as the lock has them. */
  readonly needs: readonly string[];
}

interface Entry {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Every package of a package-lock.json, and what the project itself needs. */
export function lockedPackages(
  packageLock: string,
): { packages: readonly LockedPackage[]; needs: readonly string[] } {
  const entries = (JSON.parse(packageLock) as { packages: Record<string, Entry> }).packages;
  const needsOf = (path: string): string[] => {
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } =
      entries[path]!;
    const names = Object.keys({
      ...dependencies,
      ...(path === "" && devDependencies),
      ...optionalDependencies,
      ...peerDependencies,
    });
    return [...new Set(names)].flatMap((name) => foundFrom(path, name, entries) ?? []).sort();
  };
  const packages = Object.entries(entries).filter(([path]) => path !== "").map(([path, entry]) => ({
    path,
    name: entry.name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
    version: entry.version ?? "",
    ...(entry.license !== undefined && { license: entry.license }),
    ...(entry.integrity !== undefined && { integrity: entry.integrity }),
    dev: entry.dev === true || entry.devOptional === true,
    optional: entry.optional === true || entry.devOptional === true,
    needs: needsOf(path),
  }));
  return { packages, needs: needsOf("") };
}

/** Looks for a package as Node does: beside its user first, then further up. */
function foundFrom(
  path: string,
  name: string,
  entries: Readonly<Record<string, Entry>>,
): string | undefined {
  for (let folder = path;;) {
    const place = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (Object.hasOwn(entries, place)) return place;
    if (folder === "") return undefined;
    folder = folder.slice(0, Math.max(folder.lastIndexOf("/node_modules/"), 0));
  }
}
