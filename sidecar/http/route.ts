// A route is data: what it answers, its limits, who may ask, and the handler. One function (router.ts) enforces them
// in a fixed order, so no handler repeats a check. Handlers return a reply or throw; only the router writes.
import type { Body, MaybePromise, Reply } from "./exchange.ts";

export interface Route<State> {
  /** Where PUT stands POST is accepted too, never the reverse (reference 2.1). Older routes list `POST`. */
  readonly method: "GET" | "PUT" | "DELETE" | "POST";
  /** Exact path, or a subtree when it ends in `/`: the rest of the path is the resource. */
  readonly path: string;
  /** Bytes; 0 = the body is never read. */
  readonly maxBody: number;
  /** Milliseconds until the exchange is cut; 0 = never. */
  readonly timeout: number;
  /**
   * `policy`: admin or an allowing policy. `identify`: anyone, a bad certificate is refused. `open`: anyone, a bad
   * certificate counts as none. `none`: anyone, nobody is identified.
   */
  readonly auth: "policy" | "identify" | "open" | "none";
  /** Whether the request metrics and the audit log see it. */
  readonly count: boolean;
  readonly handle: (call: Call<State>) => MaybePromise<Reply>;
}

/** One request on its way through a handler. */
export interface Call<State> {
  readonly route: Route<State>;
  /** Decoded URL path. */
  readonly path: string;
  /** What follows the route's prefix; empty on exact routes. */
  readonly resource: string;
  /** Query string without `?`; only our own additions look at it. */
  readonly query: string;
  /** The effective identity (that of the forwarded certificate behind a TLS proxy); empty when there is none. */
  readonly identity: string;
  /** The run-time snapshot, taken once when the request arrived. */
  readonly state: State;
  /** Empty and not exceeded on routes with maxBody 0. `declared` is false when the client sent no body at all. */
  readonly body: Body & { readonly declared: boolean };
  /** Value list of a request header, by lower-case name. */
  header(name: string): readonly string[];
  /** Aborts on client loss and deadline. Created when first asked for: cached work needs none. */
  readonly signal: AbortSignal;
}
