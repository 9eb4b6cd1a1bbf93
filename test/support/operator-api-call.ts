// What a request to the Kubernetes API asks for, in the words of RBAC.
import type { IncomingMessage } from "node:http";

export interface ApiCall {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** get, list, watch, create, update, patch, delete. */
  readonly verb: string;
  /** `configmaps`, `kesservers/status`; the path of anything else. */
  readonly resource: string;
  /** Empty: all, or cluster-scoped. */
  readonly namespace: string;
  /** Empty: a collection. */
  readonly name: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

const path =
  /^\/(?:api|apis\/[^/]+)\/[^/]+(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<sub>[^/]+))?$/;
const verbs: Readonly<Record<string, string>> = { POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" };

export function readCall(incoming: IncomingMessage, body: Buffer): ApiCall {
  const { pathname, searchParams: query } = new URL(incoming.url ?? "", "https://api");
  const place = placeOf(pathname);
  const isOne = place.name !== "" || place.resource === pathname;
  const verb = verbs[incoming.method ?? ""] ?? readingVerb(isOne, query);
  return { at: Date.now(), verb, ...place, query, body: body.toString() };
}

function placeOf(pathname: string): Pick<ApiCall, "resource" | "namespace" | "name"> {
  const { namespace = "", plural = pathname, name = "", sub } = path.exec(pathname)?.groups ?? {};
  return { resource: sub === undefined ? plural : `${plural}/${sub}`, namespace, name };
}

function readingVerb(isOne: boolean, query: URLSearchParams): string {
  if (isOne) return "get";
  return query.has("watch") ? "watch" : "list";
}

/** Whether it changes something; renewals of the lease apart. */
export function isWrite({ verb, resource }: ApiCall): boolean {
  return resource !== "leases" && ["create", "update", "patch", "delete"].includes(verb);
}

/** For a message: `patch configmaps keys/kes-bundle`. */
export function shortly({ verb, resource, namespace, name }: ApiCall): string {
  return `${verb} ${resource} ${[namespace, name].filter((part) => part !== "").join("/")}`.trimEnd();
}
