import { API, type ApiError, callApi, type StreamConfig } from "./api.ts";
import type { NatsLink } from "../wire/link.ts";

/** What a stream of ours has to be given to be kept on so many servers; undefined if it is. A stream is never taken from a server. */
export function moreReplicas(
  found: StreamConfig,
  wanted: number,
): { num_replicas: number } | undefined {
  return Number(found.num_replicas ?? 1) < wanted ? { num_replicas: wanted } : undefined;
}

/** Gives a stream of ours what it lacks of that. */
export async function raiseReplicas(
  link: NatsLink,
  found: StreamConfig,
  wanted: number,
): Promise<void> {
  const raised = moreReplicas(found, wanted);
  if (raised !== undefined) {
    await callApi(link, `STREAM.UPDATE.${found.name}`, { ...found, ...raised });
  }
}

/** What to do where a server does not keep a stream on as many servers as it is told to; undefined for other errors. */
export function replicasFix({ code }: ApiError): string | undefined {
  if (code === API.replicasNotSupported) {
    return "the server is not part of a cluster: run it in one, or unset KFLOW_NATS_REPLICAS";
  }
  if (code === API.noPeers || code === API.insufficientResources) {
    return "the cluster needs as many servers that are up and have room: check them, or set KFLOW_NATS_REPLICAS lower";
  }
  return undefined;
}
