// What following a policy bundle tells, as log lines and metrics.
import { isKesError } from "../errors.ts";
import type { Logger } from "../log/logger.ts";
import type { Metrics } from "../metrics.ts";
import type { SyncEvent } from "../sync/sync-event.ts";

export function reportSyncEvent(event: SyncEvent, log: Logger, { sync }: Metrics): void {
  switch (event.kind) {
    case "applied": {
      const { kind: _, ...fields } = event;
      sync.applied(event.source);
      return log.info(fields, "policy bundle applied");
    }
    case "rejected":
      sync.rejected(event.source);
      return log.error({ source: event.source, err: event.error }, "policy bundle rejected");
    case "lost":
      sync.lost(event.source);
      return log.warn({ source: event.source, reason: event.reason }, "source of the policy bundle cannot be asked");
    case "found":
      return log.info({ source: event.source }, "source of the policy bundle answers again");
    case "stale":
      return log.error({ seconds: event.seconds }, "policy bundle is stale, everybody but the admin is denied");
    case "fresh":
      return log.warn({}, "policy bundle is confirmed again");
    case "key":
      return reportKey(event, log);
  }
}

function reportKey(event: Extract<SyncEvent, { kind: "key" }>, log: Logger): void {
  const { name, fingerprint, error } = event;
  if (error === undefined) return log.info({ name, fingerprint }, "key of the policy bundle is there");
  const level = isKesError(error, "StoreUnreachable", "StoreFailed") ? "warn" : "error";
  log[level]({ name, err: error }, "key of the policy bundle is not as it should be");
}
