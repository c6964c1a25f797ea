/** The texts of the files that name versions. */
export interface VersionFiles {
  readonly denoJson: string;
  readonly packageJson: string;
  readonly packageLock: string;
  readonly denoLock: string;
}

interface PackageJson {
  version: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

interface DenoJson {
  version: string;
  imports?: Record<string, string>;
}

interface PackageLock {
  packages: Record<string, PackageJson & { resolved?: string }>;
}

interface DenoLock {
  specifiers?: Record<string, string>;
}

/** Differences between deno.json, package.json and their lock files. */
export function checkVersions(files: VersionFiles): string[] {
  const deno = JSON.parse(files.denoJson) as DenoJson;
  const npm = JSON.parse(files.packageJson) as PackageJson;
  const npmLock = JSON.parse(files.packageLock) as PackageLock;
  const denoLock = JSON.parse(files.denoLock) as DenoLock;
  const problems: string[] = [];

  if (deno.version !== npm.version) {
    problems.push(`deno.json has version ${deno.version}, package.json ${npm.version}`);
  }
  for (const [name, version] of Object.entries({ ...npm.dependencies, ...npm.devDependencies })) {
    if (!/^\d+\.\d+\.\d+[\w.+-]*$/.test(version)) {
      problems.push(`package.json: ${name} "${version}" is not one exact version`);
    }
  }
  const imports = npmImports(deno);
  problems.push(...differences("package.json", npm.dependencies ?? {}, "deno.json", imports));

  const locked = npmLock.packages[""];
  const all = { ...npm.dependencies, ...npm.devDependencies };
  const allLocked = { ...locked?.dependencies, ...locked?.devDependencies };
  problems.push(...differences("package.json", all, "package-lock.json", allLocked));
  if (locked?.version !== npm.version) {
    problems.push(`package-lock.json has version ${locked?.version}, package.json ${npm.version}`);
  }
  for (const [path, { resolved }] of Object.entries(npmLock.packages)) {
    if (resolved) problems.push(`package-lock.json: ${path} names a registry: remove "resolved"`);
  }
  for (const [name, version] of Object.entries(imports)) {
    if (!denoLock.specifiers?.[`npm:${name}@${version}`]) {
      problems.push(`deno.lock lacks npm:${name}@${version}`);
    }
  }
  const imported = new Set(
    Object.entries(imports).map(([name, version]) => `npm:${name}@${version}`),
  );
  for (const specifier of Object.keys(denoLock.specifiers ?? {})) {
    if (imported.has(specifier)) continue;
    problems.push(
      `deno.lock has ${specifier}, which deno.json lacks: every first run would fetch it`,
    );
  }
  return problems;
}

function npmImports(deno: DenoJson): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const target of Object.values(deno.imports ?? {})) {
    const [, name, version] = target.match(/^npm:(@?[^@]+)@(.+)$/) ?? [];
    if (name && version) versions[name] = version;
  }
  return versions;
}

function differences(
  oneFile: string,
  one: Readonly<Record<string, string>>,
  otherFile: string,
  other: Readonly<Record<string, string>>,
): string[] {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
  return names.filter((name) => one[name] !== other[name]).map((name) =>
    `${name} is ${one[name] ?? "absent"} in ${oneFile} and ${
      other[name] ?? "absent"
    } in ${otherFile}`
  );
}
