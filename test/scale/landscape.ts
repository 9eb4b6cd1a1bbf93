// A cluster that uses the operator a lot: many servers, each with policies of its own and with clients in other namespaces,
// some known by their hash, some by certificates that cert-manager has issued. Everything is as it would be found by an
// operator that is installed last: nothing of it has a status, but what cert-manager is responsible for.
import type { ApiClient, Json } from "../env/kubernetes/api-client.ts";
import { makeKeys } from "../operator/kes-identity/key-pool.ts";
import type { PoolKey } from "../operator/kes-identity/key-pool.ts";

export interface Size {
  readonly servers: number;
  readonly policies: number;
  /** Identities that name a hash. */
  readonly hashes: number;
  /** Identities with a certificate. */
  readonly certificates: number;
}

/** Of one server. */
export interface ExpectedBundle {
  readonly namespace: string;
  readonly server: string;
  /** By hash, the policy. */
  readonly identities: ReadonlyMap<string, string>;
  readonly policies: ReadonlySet<string>;
}

const perNamespace = 10;
const callsAtOnce = 32;
const serverLabel = "scale/server";
const ours = "/apis/kes-operator.io/v1alpha1/namespaces";
const certManagers = "/apis/cert-manager.io/v1/namespaces";

/** @returns what each server's bundle must say in the end */
export async function declareLandscape(api: ApiClient, size: Size): Promise<readonly ExpectedBundle[]> {
  const servers = Array.from({ length: size.servers }, (_, at) => ({
    namespace: `kes-${Math.floor(at / perNamespace)}`,
    server: `server-${at}`,
    identities: new Map<string, string>(),
    policies: new Set<string>(),
  }));
  const tenants = [...new Set(servers.map(({ namespace }) => `tenant-${namespace}`))];
  const namespaces = [...new Set(servers.map(({ namespace }) => namespace)), ...tenants];
  await inParallel(namespaces, (name) => api.create("/api/v1/namespaces", { metadata: { name } }));
  await inParallel(servers, ({ namespace, server }) => {
    return api.create(`${ours}/${namespace}/kesservers`, aServer(server));
  });
  await inParallel(numbers(size.policies), (at) => {
    const { namespace, server, policies } = pick(servers, at);
    policies.add(`policy-${at}`);
    return api.create(`${ours}/${namespace}/kespolicies`, aPolicy(`policy-${at}`, server));
  });
  const keys = await makeKeys(size.certificates);
  const identities = numbers(size.hashes + size.certificates).map((at): Client => {
    const server = pick(servers, at);
    const named = [...server.policies];
    const policy = named[Math.floor(at / servers.length) % named.length] ?? "";
    const key = keys[at - size.hashes];
    const hash = key?.hash ?? at.toString(16).padStart(64, "0");
    server.identities.set(hash, policy);
    const place = { namespace: server.namespace, name: server.server };
    return { name: `client-${at}`, namespace: `tenant-${server.namespace}`, server: place, policy, hash, key };
  });
  await inParallel(identities, (client) => declareClient(api, client));
  return servers;
}

/** Makes the policy allow one thing more. @returns nothing; the API has it */
export async function editPolicy(api: ApiClient, { namespace, policies }: ExpectedBundle, path: string): Promise<void> {
  const [name = ""] = policies;
  await api.merge(`${ours}/${namespace}/kespolicies/${name}`, { spec: { allow: [path] } });
}

interface Client {
  readonly name: string;
  readonly namespace: string;
  readonly server: { readonly namespace: string; readonly name: string };
  readonly policy: string;
  readonly hash: string;
  /** undefined: it names its hash. */
  readonly key: PoolKey | undefined;
}

function aServer(name: string): object {
  const auth = { kubernetes: { role: "kes" } };
  return object("KesServer", name, {
    // Nothing runs pods here, and whoever makes them would only be one more reader of everything.
    replicas: 0,
    keystore: { vault: { endpoint: "https://openbao.openbao.svc:8200", auth } },
    policySelector: { matchLabels: { [serverLabel]: name } },
  });
}

function aPolicy(name: string, server: string): object {
  const verbs = ["create", "generate", "decrypt", "describe", "hmac"];
  const allow = ["/v1/api", "/v1/status", ...verbs.map((verb) => `/v1/key/${verb}/${name}-*`)];
  return object("KesPolicy", name, { allow, allowedNamespaces: { from: "All" } }, { [serverLabel]: server });
}

async function declareClient(api: ApiClient, client: Client): Promise<void> {
  const { name, namespace, server, policy, hash, key } = client;
  const source = key === undefined ? { hash } : { certificate: {} };
  const identity = object("KesIdentity", name, { serverRef: server, policyRef: { name: policy }, ...source });
  const created = await api.create(`${ours}/${namespace}/kesidentities`, identity);
  if (key !== undefined) await issue(api, created, key);
}

/** As cert-manager leaves it: a Certificate of the identity, and the request of its first revision. */
async function issue(api: ApiClient, identity: Json, key: PoolKey): Promise<void> {
  const { name, namespace } = identity.metadata;
  const labels = { "app.kubernetes.io/managed-by": "kes-operator", "kes-operator.io/identity": name };
  const kind = { apiVersion: "cert-manager.io/v1" };
  const issuerRef = { name: `${name}-kes-selfsigned` };
  const child = `${name}-kes`;
  const certificate = await api.create(`${certManagers}/${namespace}/certificates`, {
    ...kind,
    kind: "Certificate",
    metadata: { name: child, labels, ownerReferences: [ownedBy(identity)] },
    spec: { secretName: `${name}-kes-tls`, commonName: name, issuerRef },
  });
  const request = await api.create(`${certManagers}/${namespace}/certificaterequests`, {
    ...kind,
    kind: "CertificateRequest",
    metadata: {
      name: `${child}-1`,
      labels,
      annotations: {
        "cert-manager.io/certificate-name": child,
        "cert-manager.io/certificate-revision": "1",
      },
      ownerReferences: [ownedBy(certificate)],
    },
    spec: { request: key.request, issuerRef },
  });
  const ready = { type: "Ready", status: "True", reason: "Issued" };
  const approved = { type: "Approved", status: "True", reason: "cert-manager.io" };
  const { notAfter } = key;
  await writeStatus(api, "certificates", certificate, {
    conditions: [ready],
    revision: 1,
    notAfter,
    renewalTime: notAfter,
  });
  const issued = { conditions: [approved, ready], certificate: key.certificate, ca: key.certificate };
  await writeStatus(api, "certificaterequests", request, issued);
}

async function writeStatus(api: ApiClient, plural: string, { metadata }: Json, status: object): Promise<void> {
  await api.merge(`${certManagers}/${metadata.namespace}/${plural}/${metadata.name}/status`, { status });
}

function ownedBy({ apiVersion, kind, metadata: { name, uid } }: Json): object {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

function object(kind: string, name: string, spec: object, labels: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: "kes-operator.io/v1alpha1", kind, metadata: { name, labels }, spec };
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at);
}

function pick<T>(items: readonly T[], at: number): T {
  const item = items[at % items.length];
  if (item === undefined) throw new Error("there is nothing to pick from");
  return item;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: callsAtOnce }, worker));
}
