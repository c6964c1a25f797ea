export const TASK_TYPES = [
  "fs-source",
  "raw-source",
  "nats-source",
  "raw",
  "s3-sink",
  "elastic-sink",
  "print",
] as const;
export type TaskType = (typeof TASK_TYPES)[number];
export type TaskKind = "source" | "transformation" | "sink";

const KINDS: Readonly<Record<TaskType, TaskKind>> = {
  "fs-source": "source",
  "raw-source": "source",
  "nats-source": "source",
  "raw": "transformation",
  "s3-sink": "sink",
  "elastic-sink": "sink",
  "print": "sink",
};

export function kindOf(type: TaskType): TaskKind {
  return KINDS[type];
}
