// What the operator has made of a landscape, read from the API server alone: what is not yet as it has to be, and how many
// writes it took.
import type { ApiClient, Json } from "../env/kubernetes/api-client.ts";
import type { ExpectedBundle } from "./landscape.ts";

export const kinds = ["kesservers", "kespolicies", "kesidentities"] as const;
/** What the operator made; bundles are among it. */
export const managedConfigMaps = `/api/v1/configmaps?labelSelector=${encodeURIComponent("app.kubernetes.io/managed-by=kes-operator")}`;
const pageSize = 500;
const verbs: ReadonlySet<string> = new Set(["APPLY", "PATCH", "POST", "PUT", "DELETE", "GET"]);

/** A sentence for each kind of object that is not observed, and for each server whose bundle is not complete. */
export async function shortcomings(api: ApiClient, expected: readonly ExpectedBundle[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const kind of kinds) {
    const objects = await listAll(api, `/apis/kes-operator.io/v1alpha1/${kind}`);
    const behind = objects.filter((object) => !isObserved(object));
    if (behind.length > 0) found.push(`${behind.length} of ${objects.length} ${kind} are not observed`);
    if (kind !== "kesidentities") continue;
    const refused = objects.filter(({ status }) => conditionOf(status, "Accepted") !== "True");
    if (refused.length > 0) found.push(`${refused.length} of ${objects.length} ${kind} are not accepted`);
  }
  const bundles = await readBundles(api);
  const wrong = expected.filter((each) => !isComplete(bundles.get(`${each.namespace}/${each.server}`), each));
  if (wrong.length > 0) found.push(`${wrong.length} of ${expected.length} bundles are not complete`);
  return found;
}

export function isObserved({ metadata, status }: Json): boolean {
  return status?.observedGeneration === metadata.generation;
}

export interface FoundBundle {
  /** `namespace/name`. */
  readonly server: string;
  /** Of the ConfigMap. */
  readonly version: string;
  readonly bundle: Json;
}

/** By server. */
export async function readBundles(api: ApiClient): Promise<ReadonlyMap<string, FoundBundle>> {
  const found = (await listAll(api, managedConfigMaps)).map((object) => bundleOf(object));
  return new Map(found.filter((bundle) => bundle !== undefined).map((bundle) => [bundle.server, bundle]));
}

/** What a ConfigMap says, if it holds a bundle. */
export function bundleOf({ metadata, data }: Json): FoundBundle | undefined {
  const text = data?.["bundle.json"];
  if (text === undefined) return undefined;
  const server = `${metadata.namespace}/${metadata.labels["kes-operator.io/server"]}`;
  return { server, version: metadata.resourceVersion, bundle: JSON.parse(text) };
}

export function isComplete(found: FoundBundle | undefined, { identities, policies }: ExpectedBundle): boolean {
  if (found === undefined) return false;
  const listed = Object.entries(found.bundle.identities);
  const named = Object.keys(found.bundle.policies);
  return (
    listed.length === identities.size &&
    listed.every(([hash, policy]) => identities.get(hash) === policy) &&
    named.length === policies.size &&
    named.every((name) => policies.has(name))
  );
}

/** Writes, and reads of single objects, since the API server was started: `APPLY kesidentities/status`. */
export async function writesSeen(api: ApiClient): Promise<ReadonlyMap<string, number>> {
  const text: string = await api.get("/metrics");
  const counts = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (!line.startsWith("apiserver_request_total{")) continue;
    const label = (name: string): string => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1] ?? "";
    const verb = label("verb");
    const [resource, subresource] = [label("resource"), label("subresource")];
    // Discovery, and leases, which everybody renews.
    if (!verbs.has(verb) || resource === "" || resource === "leases") continue;
    const what = `${verb} ${resource}${subresource === "" ? "" : `/${subresource}`}`;
    counts.set(what, (counts.get(what) ?? 0) + Number(line.slice(line.lastIndexOf(" ") + 1)));
  }
  return counts;
}

export function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const changed = [...after].map(([what, count]): [string, number] => [what, count - (before.get(what) ?? 0)]);
  return new Map(changed.filter(([, count]) => count > 0).toSorted(([, a], [, b]) => b - a));
}

function conditionOf(status: Json, type: string): string | undefined {
  const conditions: readonly { readonly type: string; readonly status: string }[] = status?.conditions ?? [];
  return conditions.find((condition) => condition.type === type)?.status;
}

async function listAll(api: ApiClient, path: string): Promise<readonly Json[]> {
  const all: Json[] = [];
  let next: string | undefined;
  do {
    const glue = path.includes("?") ? "&" : "?";
    const from = next === undefined ? "" : `&continue=${encodeURIComponent(next)}`;
    const page = await api.get(`${path}${glue}limit=${pageSize}${from}`);
    all.push(...page.items);
    next = page.metadata.continue === "" ? undefined : page.metadata.continue;
  } while (next !== undefined);
  return all;
}
