import { lockedPackages } from "./locked_packages.ts";

const INTEGRITY = /^sha512-[A-Za-z0-9+/]{86}==$/;

interface DenoLock {
  npm?: Readonly<Record<string, { readonly integrity?: string }>>;
}

/** Packages of the lock files of which nothing says what they contain: whatever a registry delivered in their place would be taken. */
export function checkIntegrity(
  { packageLock, denoLock }: { packageLock: string; denoLock: string },
): string[] {
  const known = new Map<string, string | undefined>();
  const problems: string[] = [];
  for (const { path, name, version, integrity } of lockedPackages(packageLock).packages) {
    known.set(`${name}@${version}`, integrity);
    if (INTEGRITY.test(integrity ?? "")) continue;
    problems.push(
      `package-lock.json: ${path} has no integrity of SHA-512: remove the entry and run \`npm install\``,
    );
  }
  const { npm = {} } = JSON.parse(denoLock) as DenoLock;
  for (const [key, { integrity }] of Object.entries(npm)) {
    // With what it was resolved beside: `ws@8.23.0_x@1.0.0`.
    const [, id = key] = /^(@?[^@]+@[^_]+)/.exec(key) ?? [];
    if (!INTEGRITY.test(integrity ?? "")) {
      problems.push(`deno.lock: ${key} has no integrity of SHA-512`);
    } else if (known.get(id) !== undefined && known.get(id) !== integrity) {
      problems.push(`deno.lock: ${key} has another integrity than in package-lock.json`);
    }
  }
  return problems;
}
