/** Options that every command taking a pipeline file has. */
export interface FileOptions {
  set: string[];
  module: string[];
}

export interface BatchOptions extends FileOptions {
  run?: string;
}

export interface RunOptions extends BatchOptions {
  /** Path of the file that the report goes to as JSON. */
  report?: string;
}

export interface WorkerOptions extends RunOptions {
  task: string;
}

export interface ServeCommandOptions extends BatchOptions {
  port: number;
  host?: string;
  maxBody?: number;
  requestMs?: number;
  concurrent?: number;
}
