import type { NodeHost } from "../shared/node_host.ts";

type Permission = Parameters<NonNullable<NodeHost["isPermitted"]>>[0];

/** What of Deno is used here, which Bun's types do not have. */
interface Permissions {
  querySync(descriptor: Readonly<Record<string, string>>): { readonly state: string };
}

const KEYS = { net: "host", read: "path", write: "path", sys: "kind", env: "variable" } as const;

/** `Host.isPermitted` of Deno: what its flags allow. What Deno would have to ask for is not permitted, since nobody may be there to answer. */
export function isPermitted({ name, what }: Permission): boolean {
  return isGranted({ name, [KEYS[name]]: what });
}

/** Whether reading the names of all variables neither fails nor makes Deno ask. */
export function mayReadAllVariables(): boolean {
  return isGranted({ name: "env" });
}

function isGranted(descriptor: Readonly<Record<string, string>>): boolean {
  const { Deno } = globalThis as unknown as { Deno: { permissions: Permissions } };
  return Deno.permissions.querySync(descriptor).state === "granted";
}
