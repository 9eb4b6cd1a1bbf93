// Metrics that are read off our objects at each scrape, so that a series goes with its object. A condition has one series,
// for the status it has: `kes_operator_resource_condition{type="Ready",status!="True"}` are the objects that need somebody.
// Of identities, of which there may be ten thousand, only Ready is told.
import type { Condition, KesIdentity, KesKey, KesPolicy, KesServer } from "./api/generated.ts";
import type { Cache } from "./kube/cache.ts";
import type { KubeObject } from "./kube/object.ts";

export interface StateSource {
  readonly servers: Cache<KesServer>;
  readonly policies: Cache<KesPolicy>;
  readonly identities: Cache<KesIdentity>;
  readonly keys: Cache<KesKey>;
}

interface WithConditions extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] | undefined } | undefined;
}

/** The families in the text format of Prometheus. */
export function stateMetrics({ servers, policies, identities, keys }: StateSource): string {
  const conditions = head("kes_operator_resource_condition", "Conditions of our objects; Ready alone of identities.");
  for (const cache of [servers, policies, keys]) for (const object of cache.list()) addConditions(conditions, object);
  for (const identity of identities.list()) addConditions(conditions, identity, "Ready");
  return `${[...conditions, ...revisionsOf(servers), ...expirationsOf(identities)].join("\n")}\n`;
}

function revisionsOf(servers: Cache<KesServer>): readonly string[] {
  const lines = head("kes_operator_bundle_revision_info", "The revision of each server's policy bundle.");
  for (const { metadata, status } of servers.list()) {
    const revision = status?.bundle?.revision;
    if (revision === undefined) continue;
    lines.push(`kes_operator_bundle_revision_info{${placeOf(metadata)},revision="${revision}"} 1`);
  }
  return lines;
}

function expirationsOf(identities: Cache<KesIdentity>): readonly string[] {
  const name = "kes_operator_identity_certificate_expiration_timestamp_seconds";
  const lines = head(name, "When a client's certificate expires.");
  for (const { metadata, status } of identities.list()) {
    const at = Date.parse(status?.notAfter ?? "") / 1000;
    if (!Number.isNaN(at)) lines.push(`${name}{${placeOf(metadata)}} ${at}`);
  }
  return lines;
}

// Names, types and statuses that the API server has accepted hold nothing that would have to be escaped.
function addConditions(lines: string[], { kind, metadata, status }: WithConditions, only?: string): void {
  for (const { type, status: value } of status?.conditions ?? []) {
    if (only !== undefined && only !== type) continue;
    const labels = `kind="${kind}",${placeOf(metadata)},type="${type}",status="${value}"`;
    lines.push(`kes_operator_resource_condition{${labels}} 1`);
  }
}

function placeOf({ namespace = "", name }: KubeObject["metadata"]): string {
  return `namespace="${namespace}",name="${name}"`;
}

function head(name: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`];
}
