import { StartError } from "../base/errors.ts";
import type { Host, TextOutput } from "../host.ts";
import { printable } from "../base/text/printable.ts";

const NO_FILES = "this host has no files";

/** What a platform supplies that has fetch and nothing else. */
export function fetchHost(env: (name: string) => string | undefined): Host {
  const noFiles = () => Promise.reject(new Error(NO_FILES));
  const output = (print: (text: string) => void): TextOutput => ({
    write(text) {
      print(printable(text.replace(/\n$/, "")));
      return true;
    },
    drained: () => Promise.resolve(),
    isTerminal: false,
    columns: 80,
  });
  return {
    platform: "fetch",
    hostname: "handler",
    processes: { own: undefined, isAlive: () => undefined },
    env,
    stdout: output((text) => console.log(text)),
    stderr: output((text) => console.error(text)),
    resolvePath,
    readText: noFiles,
    openFile: noFiles,
    files: noFiles,
    loadModule: () =>
      Promise.reject(new Error("this host loads no modules; give the function in `functions`")),
    startThread() {
      throw new StartError("Cannot start a Web Worker: this host has none; take out meta.isolate");
    },
    serve: () => Promise.reject(new Error("this host serves by itself")),
    onShutdown: () => () => {},
    exit(status) {
      throw new Error(`Cannot end this host with status ${status}`);
    },
  };
}

function resolvePath(path: string, from = "/"): string {
  const segments: string[] = [];
  for (const segment of (path.startsWith("/") ? path : `${from}/${path}`).split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return `/${segments.join("/")}`;
}
