import { ConfigurationError } from "../../../src/base/errors.ts";
import type { Host, Permission } from "../../../src/host.ts";
import type { Plan, TaskPlan } from "../../../src/pipeline/plan/plan.ts";
import type { Settings } from "../../../src/settings/settings.ts";

const PORTS: Readonly<Record<string, string>> = {
  "http:": "80",
  "https:": "443",
  "ws:": "80",
  "wss:": "443",
};
/** What the package of websockets reads. */
const SOCKET_VARIABLES = ["WS_NO_BUFFER_UTIL", "WS_NO_UTF_8_VALIDATE"];
const DOWNLOADS = "/tmp";

/**
 * Finds out before anything starts what the platform does not permit: a server that may not be asked looks like one that is away, for which a worker would wait for ever.
 * @param stateFolder Of the embedded broker, where it keeps a state.
 * @param listen Addresses `host:port` to listen on.
 * @throws {ConfigurationError} with the flags that are missing.
 */
export function mustBePermitted(
  host: Host,
  plan: Plan,
  { tasks, settings, stateFolder, listen = [] }: {
    tasks: readonly TaskPlan[];
    settings: Settings;
    stateFolder?: string | undefined;
    listen?: readonly string[];
  },
): void {
  const { isPermitted } = host;
  if (isPermitted === undefined) return;
  const needed = [
    ...netOf(plan, tasks, settings),
    ...portsOf(tasks).map((port): Permission => ({ name: "net", what: `0.0.0.0:${port}` })),
    ...listen.map((each): Permission => ({ name: "net", what: each })),
    ...filesOf(plan, tasks, stateFolder),
    ...threadsOf(tasks, host),
  ];
  const missing = needed.filter((each) => !isPermitted(each));
  if (missing.length === 0) return;
  const names = [...new Set(missing.map(({ name }) => name))];
  const flags = names.map((name) => {
    const what = missing.filter((each) => each.name === name).map((each) => each.what);
    return `--allow-${name}=${[...new Set(what)].join(",")}`;
  });
  throw new ConfigurationError([{
    file: plan.file,
    problem: `Deno does not permit what it needs: ${flags.join(" ")}`,
    hint: "add them; docs/run/deno-permissions.md has the flags for each way of running",
  }]);
}

/** To ask the servers. */
function netOf(plan: Plan, tasks: readonly TaskPlan[], { otlp }: Settings): Permission[] {
  const nats = [plan.nats, ...tasks.map((task) => task.nats)].map((config) => config?.address);
  const errors = tasks.map(({ sideStream }) => sideStream.enabled ? sideStream.address : undefined);
  const urls = [...nats, ...errors].flatMap((address) =>
    address === undefined || address.kind === "embedded" ? [] : address.url.split(",")
  );
  for (const { store, addr } of tasks) {
    if (store.address.kind === "s3") urls.push(store.address.endpoint);
    if (addr !== undefined) urls.push(addr);
  }
  if (otlp !== undefined) urls.push(otlp.url);
  const needed = urls.map((text): Permission => {
    const { hostname, port, protocol } = new URL(text);
    return { name: "net", what: `${hostname}:${port || PORTS[protocol]}` };
  });
  const overSockets = urls.some((text) => text.startsWith("ws"));
  for (const what of overSockets ? SOCKET_VARIABLES : []) needed.push({ name: "env", what });
  return needed;
}

/** On which metrics can be read. */
function portsOf(tasks: readonly TaskPlan[]): number[] {
  return tasks.flatMap(({ metrics }) => metrics.enabled ? [metrics.port] : []);
}

/** What a Worker reads as it starts. Modules that a process imports itself need no permission. */
function threadsOf(tasks: readonly TaskPlan[], { ownFolder }: Host): Permission[] {
  const isNeeded = tasks.some(({ meta }) => meta.get("isolate") === true);
  return isNeeded && ownFolder !== undefined ? [{ name: "read", what: ownFolder }] : [];
}

function filesOf(
  plan: Plan,
  tasks: readonly TaskPlan[],
  stateFolder: string | undefined,
): Permission[] {
  const read = (what: string): Permission => ({ name: "read", what });
  const write = (what: string): Permission => ({ name: "write", what });
  const needed: Permission[] = [];
  if (stateFolder !== undefined && plan.nats.address.kind === "embedded") {
    needed.push(read(stateFolder), write(stateFolder));
  }
  for (const { store, module, type, autoDownload } of tasks) {
    if (module !== undefined) needed.push(read(module));
    if (store.address.kind === "directory") {
      needed.push(read(store.address.path));
      if (type === "s3-sink") needed.push(write(store.address.path));
    }
    if (autoDownload) {
      needed.push(read(DOWNLOADS), write(DOWNLOADS), { name: "sys", what: "uid" });
    }
  }
  return needed;
}
