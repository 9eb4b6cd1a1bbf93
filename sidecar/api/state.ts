// What a handler may see. ServerState is one generation of the run-time snapshot: a request takes it once and a reload
// makes a new one. Services live as long as the process and are handed to buildRoutes.
import type { Access } from "../access/access.ts";
import type { Overlay } from "../access/overlay.ts";
import type { Config } from "../contract/config.ts";
import type { Call, Route } from "../http/route.ts";
import type { MaybePromise, Reply } from "../http/exchange.ts";
import type { KeyService } from "../keys/key-service.ts";
import type { EventStream } from "../log/event-stream.ts";
import type { Logger } from "../log/logger.ts";
import type { Metrics } from "../metrics.ts";
import type { SystemFigures } from "../metrics/system.ts";

export interface ServerState {
  readonly config: Config;
  readonly access: Access;
  readonly keys: KeyService;
  /** When this server started, RFC 3339: the creation time of configured policies and identities. */
  readonly startedAt: string;
}

export interface Services {
  /** The release, in the form of `GET /version`. */
  readonly version: string;
  readonly commit: string;
  /** Milliseconds since start. */
  readonly uptime: () => number;
  readonly system: SystemFigures;
  readonly metrics: Metrics;
  readonly auditEvents: EventStream;
  readonly errorEvents: EventStream;
  readonly log: Logger;
  /** Applies `change` to the ephemeral policies and assignments and swaps the snapshot, before it returns. */
  readonly updateOverlay: (change: (overlay: Overlay) => Overlay) => void;
}

export type ApiCall = Call<ServerState>;
export type ApiRoute = Route<ServerState>;
export type Handler = (call: ApiCall) => MaybePromise<Reply>;
