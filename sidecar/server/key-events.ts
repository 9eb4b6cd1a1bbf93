// What the key service tells, as log lines and metrics.
import type { KeyEvent } from "../keys/key-event.ts";
import type { Logger } from "../log/logger.ts";
import type { Metrics } from "../metrics.ts";

export function reportKeyEvent(event: KeyEvent, log: Logger, metrics: Metrics): void {
  switch (event.kind) {
    case "store-call":
      return metrics.storeOperation(event.operation, event.seconds, event.code);
    case "store-offline":
      return log.error({ reason: event.reason }, "key store is unreachable");
    case "store-online":
      return log.warn({ seconds: event.seconds }, "key store is reachable again");
    case "offline-expired":
      return log.error({ keys: event.keys }, "offline time is over, cached keys were dropped");
    case "key-changed": {
      const { name, before, after } = event;
      return log.error({ name, before, after }, "key store holds another key under this name than before");
    }
  }
}
