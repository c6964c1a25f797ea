import type { Plan } from "../../src/pipeline/plan/plan.ts";
import { planOf } from "../../tests/support/in_process/flow.ts";
import { FLOW, type Job, SCHEMA } from "../setting.ts";

/** The plan of our worker: the task `work` between what has filled its queue and those whose queues it fills. */
export async function loadJob(job: Job): Promise<Plan> {
  const { server, group, outs, inFlight, metricsPort, errorStream } = job;
  return await planOf(`
name: ${FLOW}
mode: batch
globalConfig:
  store: {addr: "memory:"}
  nats: {addr: "${server}"}
  metrics: {enabled: ${metricsPort !== undefined}, port: ${metricsPort ?? 9002}}
  sideStream: {enabled: ${errorStream === true}, errorTopics: bench-errors.error}
dag:
  - {id: gen, type: fs-source, format: list, topics: "s3a://docs", out: [work]}
  - id: work
    type: raw
    module: work.ts
    groupId: ${group}
    meta: {max.in.flight: ${inFlight}}
    schema: ${JSON.stringify(SCHEMA)}
    out: [${outs.join(", ")}]
${outs.map((id) => `  - {id: ${id}, type: print}`).join("\n")}
`);
}
