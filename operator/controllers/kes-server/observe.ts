// Reads everything that a visit to one server needs: caches first, and the API only for what no cache holds (objects of the
// user's that the spec names, and who owns the replica count).
import type { KesServer } from "../../api/generated.ts";
import { fieldManagers } from "../../api/kinds.ts";
import type { KubeObject, ObjectRef } from "../../kube/object.ts";
import { childNames } from "./objects/child-names.ts";
import { certificates, configMaps, deployments, statefulSets } from "./objects/child-kinds.ts";
import type { ObservedWorkload } from "./objects/observed.ts";
import { replicasOwnedElsewhere } from "./objects/replicas.ts";
import { isOwnedBy } from "./children.ts";
import { referencesOf } from "./checks.ts";
import type { MissingReference } from "./checks.ts";
import type { KesServerDeps } from "./deps.ts";
import type { LiveCertificate, LiveCertificateRequest, LiveConfigMap, LiveWorkload } from "./live-objects.ts";
import type { ServerMemory } from "./memory.ts";
import { publishedCa } from "./published-ca.ts";
import type { CertificateView } from "./view.ts";

interface WithManagedFields extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly managedFields?: unknown };
}

export function workloadOf(deps: KesServerDeps, server: KesServer): LiveWorkload | undefined {
  const kind = server.spec.workload === "StatefulSet" ? statefulSets : deployments;
  return deps.childrenOf<LiveWorkload>(kind)?.get(refIn(server, server.metadata.name));
}

/** @throws ApiError */
export async function observeWorkload(
  deps: KesServerDeps,
  server: KesServer,
  memory: ServerMemory,
  signal: AbortSignal,
): Promise<ObservedWorkload | undefined> {
  const live = workloadOf(deps, server);
  if (live === undefined) return undefined;
  if (server.spec.autoscaling === undefined) memory.replicasOwnedElsewhere = false;
  else if (!memory.replicasOwnedElsewhere) {
    // Caches do not keep managedFields.
    const kind = server.spec.workload === "StatefulSet" ? statefulSets : deployments;
    const whole = await deps.api.get<WithManagedFields>(kind, refIn(server, server.metadata.name), { signal });
    memory.replicasOwnedElsewhere = replicasOwnedElsewhere(whole?.metadata.managedFields, fieldManagers.objects);
  }
  return { replicas: live.spec?.replicas ?? 1, replicasOwnedElsewhere: memory.replicasOwnedElsewhere };
}

/** Objects that the spec names and that are not there. @throws ApiError */
export async function missingReferences(
  { api }: KesServerDeps,
  server: KesServer,
  signal: AbortSignal,
): Promise<readonly MissingReference[]> {
  const missing = await Promise.all(
    referencesOf(server).map(async (reference): Promise<MissingReference | undefined> => {
      const found = await api.get<LiveConfigMap>(reference.resource, refIn(server, reference.name), { signal });
      if (found === undefined) return { reference, what: "object" };
      const { key } = reference;
      const has = key === undefined || found.data?.[key] !== undefined || found.binaryData?.[key] !== undefined;
      return has ? undefined : { reference, what: "key" };
    }),
  );
  return missing.filter((found) => found !== undefined);
}

export function observeCertificate(deps: KesServerDeps, server: KesServer): CertificateView {
  const { secretName } = server.spec.tls;
  if (secretName !== undefined) return { secretName, certificate: undefined, request: undefined, isOwn: true };
  const names = childNames(server.metadata.name);
  const certificate = deps.childrenOf<LiveCertificate>(certificates)?.get(refIn(server, names.serverCertificate));
  return {
    secretName: names.serverTls,
    certificate,
    request: newestRequest(deps, server, names.serverCertificate),
    isOwn: false,
  };
}

/** PEM that clients are to trust; undefined: nothing is known yet, or a public CA needs nothing. @throws ApiError */
export async function observeCa(
  deps: KesServerDeps,
  server: KesServer,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { tls, sidecar } = server.spec;
  const own = tls.secretName === undefined ? issuedCa(deps, server) : [await namedCa(deps, server, signal)];
  const fallback = sidecar?.fallbackServerRef?.name;
  // Clients of a sidecar turn to its fallback, which may have another CA.
  const current = fallback === undefined ? own : [...own, caOf(deps, server, fallback)];
  return publishedCa(current, caOf(deps, server, server.metadata.name), deps.now());
}

/** What clients of the server of that name, beside `server`, are told. */
function caOf(deps: KesServerDeps, server: KesServer, name: string): string | undefined {
  const published = deps.childrenOf<LiveConfigMap>(configMaps)?.get(refIn(server, childNames(name).ca));
  return published?.data?.["ca.crt"];
}

/** What cert-manager says of the certificate's issuer, and the CA of our own making. */
function issuedCa(deps: KesServerDeps, server: KesServer): readonly (string | undefined)[] {
  const names = childNames(server.metadata.name);
  const issued = newestRequest(deps, server, names.serverCertificate);
  const root = newestRequest(deps, server, names.ca);
  return [decoded(issued?.status?.ca), decoded(root?.status?.certificate)];
}

async function namedCa(deps: KesServerDeps, server: KesServer, signal: AbortSignal): Promise<string | undefined> {
  const { configMapName, key } = server.spec.tls.caBundle ?? { configMapName: undefined, key: "" };
  if (configMapName === undefined) return undefined;
  const found = await deps.api.get<LiveConfigMap>(configMaps, refIn(server, configMapName), { signal });
  return found?.data?.[key];
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("utf8");
}

const revision = "cert-manager.io/certificate-revision";
const certificateName = "cert-manager.io/certificate-name";

/**
 * Of those with an answer if there is one: a renewal under way must not hide the certificate in use. Only those that belong to
 * our Certificate: whoever may make requests in this namespace must not name a CA to the clients of others.
 */
function newestRequest(
  deps: KesServerDeps,
  server: KesServer,
  certificate: string,
): LiveCertificateRequest | undefined {
  const owner = deps.childrenOf(certificates)?.get(refIn(server, certificate));
  if (owner === undefined || !isOwnedBy(owner, server)) return undefined;
  const requests = deps.certificateRequests
    .list(server.metadata.namespace)
    .filter(({ metadata }) => metadata.annotations?.[certificateName] === certificate)
    .filter((request) => isOwnedBy(request, owner))
    .toSorted((a, b) => revisionOf(b) - revisionOf(a));
  return requests.find(({ status }) => status?.certificate !== undefined) ?? requests[0];
}

function revisionOf({ metadata }: LiveCertificateRequest): number {
  return Number(metadata.annotations?.[revision] ?? 0);
}

export function refIn({ metadata }: KesServer, name: string): ObjectRef {
  return { namespace: metadata.namespace ?? "", name };
}
