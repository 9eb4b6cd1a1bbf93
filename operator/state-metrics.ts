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
  const whole = [...servers.list(), ...policies.list(), ...keys.list()];
  const lines = [
    ...head("kes_operator_resource_condition", "Conditions of our objects; Ready alone of identities."),
    ...whole.flatMap((object) => conditionLines(object, () => true)),
    ...identities.list().flatMap((identity) => conditionLines(identity, ({ type }) => type === "Ready")),
    ...head("kes_operator_bundle_revision_info", "The revision of each server's policy bundle."),
    ...servers.list().flatMap(({ metadata, status }) => {
      const revision = status?.bundle?.revision;
      return revision === undefined
        ? []
        : [line("kes_operator_bundle_revision_info", { ...placeOf(metadata), revision }, 1)];
    }),
    ...head("kes_operator_identity_certificate_expiration_timestamp_seconds", "When a client's certificate expires."),
    ...identities.list().flatMap(({ metadata, status }) => {
      const at = Date.parse(status?.notAfter ?? "") / 1000;
      const name = "kes_operator_identity_certificate_expiration_timestamp_seconds";
      return Number.isNaN(at) ? [] : [line(name, placeOf(metadata), at)];
    }),
  ];
  return `${lines.join("\n")}\n`;
}

function conditionLines(
  { kind, metadata, status }: WithConditions,
  isTold: (condition: Condition) => boolean,
): string[] {
  return (status?.conditions ?? [])
    .filter(isTold)
    .map(({ type, status }) =>
      line("kes_operator_resource_condition", { kind, ...placeOf(metadata), type, status }, 1),
    );
}

function placeOf({ namespace = "", name }: KubeObject["metadata"]): { namespace: string; name: string } {
  return { namespace, name };
}

function head(name: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`];
}

// Names, types and statuses that the API server has accepted hold nothing that would have to be escaped.
function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return `${name}{${pairs.join(",")}} ${value}`;
}
