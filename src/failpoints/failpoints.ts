import type { Broker } from "../broker/broker.ts";
import type { Files } from "../files/files.ts";
import type { TaskFunction } from "../api/task_function.ts";
import type { Store } from "../store/store.ts";
import { failingBroker } from "./failing_broker.ts";
import { failingFiles } from "./failing_files.ts";
import { failingFunction } from "./failing_function.ts";
import { failingStore } from "./failing_store.ts";
import type { Hit } from "../settings/failpoint_setting.ts";

/**
 * What tests put around the ports of an app, so that a worker comes by a failpoint at each step of a delivery. Without one, nothing of this is loaded and the
 * record path has no trace of it.
 */
export class Failpoints {
  readonly #flow: string;
  readonly #hit: Hit;

  constructor(flow: string, hit: Hit) {
    this.#flow = flow;
    this.#hit = hit;
  }

  broker(broker: Broker): Broker {
    return failingBroker(broker, this.#flow, this.#hit);
  }

  store(store: Store): Store {
    return failingStore(store, this.#hit);
  }

  files(files: Files): Files {
    return failingFiles(files, this.#hit);
  }

  function(made: TaskFunction): TaskFunction {
    return failingFunction(made, this.#hit);
  }
}
