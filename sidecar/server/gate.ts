// What the router asks of this server: the current snapshot, who is calling, whether they may, and how to put a failure.
import type { Decision } from "../access/access.ts";
import { effectiveIdentity } from "../access/peer.ts";
import type { TlsProxy } from "../access/peer.ts";
import type { ServerState } from "../api/state.ts";
import { KesError, isKesError } from "../errors.ts";
import type { Exchange, Reply } from "../http/exchange.ts";
import { errorReply } from "../http/reply.ts";
import type { Route } from "../http/route.ts";
import type { Caller, Finished, Gate, Snapshot } from "../http/router.ts";
import { refusalOf } from "../http/status.ts";
import type { AuditLog } from "../log/audit.ts";
import type { Logger } from "../log/logger.ts";
import type { Metrics } from "../metrics.ts";

export interface GateOptions {
  readonly snapshot: () => Snapshot<ServerState>;
  readonly proxy: () => TlsProxy;
  readonly metrics: Metrics;
  readonly audit: AuditLog;
  readonly log: Logger;
}

export class ServerGate implements Gate<ServerState> {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  snapshot(): Snapshot<ServerState> {
    return this.#options.snapshot();
  }

  identify(exchange: Exchange, route: Route<ServerState>, { access }: ServerState): Caller {
    try {
      const header = (name: string): readonly string[] => exchange.header(name);
      return effectiveIdentity(exchange.peer, header, access, this.#options.proxy());
    } catch (error) {
      // Routes that only want to know who it is take nobody for an answer.
      if (!takesNobody(route, error)) throw error;
      return { identity: "", address: exchange.peer.address };
    }
  }

  authorize(identity: string, path: string, { access }: ServerState): void {
    const decision = access.decide(identity, path);
    if (decision.allowed) return;
    this.#options.metrics.denied(decision.reason);
    throw denied(decision);
  }

  refuse(error: unknown, request: Finished, route: Route<ServerState> | undefined): Reply {
    const { state } = this.#options.snapshot();
    const refusal = refusalOf(error, route?.path ?? "", state.config.api.errors);
    const { method, path, address, identity } = request;
    const details = isKesError(error) ? error.details : {};
    const fields = { method, path, ip: address, identity, status: refusal.status, ...details, err: error };
    this.#options.log[refusal.level](fields, isKesError(error, "NotAllowed") ? "request denied" : "request failed");
    return errorReply(refusal.status, refusal.message);
  }

  begin(): void {
    this.#options.metrics.requestStarted();
  }

  finish(request: Finished): void {
    const { metrics, audit } = this.#options;
    if (!request.counted) return metrics.requestIgnored();
    const elapsed = performance.now() - request.started;
    metrics.requestFinished(request.status, elapsed / 1000);
    audit.write({
      time: request.time,
      ip: request.address,
      path: request.path,
      identity: request.identity,
      status: request.status,
      duration: elapsed * 1e6,
    });
  }
}

function takesNobody({ auth }: Route<ServerState>, error: unknown): boolean {
  if (auth === "open") return isKesError(error);
  return auth === "identify" && isKesError(error, "CertificateRequired");
}

// The client learns that it is denied; the log learns who, what, which policy, and the rule that would have allowed it.
type Denial = Extract<Decision, { readonly allowed: false }>;

function denied({ reason, policy, rule }: Denial): KesError {
  const details = { reason, ...(policy === undefined ? {} : { policy }), ...(rule === undefined ? {} : { rule }) };
  return new KesError("NotAllowed", "not authorized: insufficient permissions", { details });
}
