// Objects as users declare them and as the compiler sees them, each a small valid one with small changes. The server is
// kes-system/kes; identities live in the namespace of a consumer.
import { compileBundle } from "../../../operator/bundle/compile.ts";
import type { BundleInput, Compilation } from "../../../operator/bundle/compile.ts";
import type {
  IdentityHash,
  KesIdentity,
  KesKey,
  KesPolicy,
  KesServer,
  KesIdentitySpec,
  KesKeySpec,
  KesPolicySpec,
  KesServerSpec,
} from "../../../operator/api/generated.ts";
import type { ObjectMeta } from "../../../operator/kube/object.ts";

const apiVersion = "kes-operator.io/v1alpha1";
export const home = "kes-system";
export const away = "minio-prod";

/** Noon of an ordinary day. */
export const noon = Date.parse("2026-11-21T12:00:00Z");

/** RFC 3339 of so many minutes before noon. */
export function minutesAgo(minutes: number): string {
  return new Date(noon - minutes * 60_000).toISOString().replace(".000Z", "Z");
}

/** A hash that is easy to tell from others: `hash("a")` is 64 times a. */
export function hash(digit: string): string {
  return digit.repeat(64).slice(0, 64);
}

export function aServer(spec: Partial<KesServerSpec> = {}, name = "kes"): KesServer {
  return {
    apiVersion,
    kind: "KesServer",
    metadata: { name, namespace: home, generation: 1 },
    // What the compiler does not look at is left out.
    spec: {
      policySelector: {},
      keys: [],
      tls: { clientAuth: "RequestIdentity", minVersion: "TLS12" },
      ...spec,
    } as KesServerSpec,
  };
}

export function aPolicy(
  name: string,
  spec: Partial<KesPolicySpec> = {},
  metadata: Partial<ObjectMeta> = {},
): KesPolicy {
  return {
    apiVersion,
    kind: "KesPolicy",
    metadata: { name, namespace: home, generation: 1, creationTimestamp: minutesAgo(60), ...metadata },
    spec: { allow: ["/v1/status"], deny: [], identities: [], allowedNamespaces: { from: "All" }, ...spec },
  };
}

export interface IdentityParts {
  readonly namespace?: string;
  readonly policy?: string;
  readonly source?: "certificate" | "apiKey" | "hash" | "certificatePEM" | "secretRef";
  readonly hashes?: readonly (string | IdentityHash)[];
  readonly spec?: Partial<KesIdentitySpec>;
  readonly metadata?: Partial<ObjectMeta>;
}

const sources = {
  certificate: { spec: { certificate: {} }, status: "Certificate" },
  apiKey: { spec: { apiKey: {} }, status: "APIKey" },
  hash: { spec: { hash: hash("0") }, status: "Hash" },
  certificatePEM: { spec: { certificatePEM: "" }, status: "CertificatePEM" },
  secretRef: { spec: { secretRef: { name: "tls", key: "tls.crt" } }, status: "SecretRef" },
} as const;

export function anIdentity(name: string, parts: IdentityParts = {}): KesIdentity {
  const { namespace = away, policy, source = "hash", hashes = [hash("a")], spec, metadata } = parts;
  const identities = hashes.map((each) =>
    typeof each === "string" ? ({ hash: each, state: "Active" } as const) : each,
  );
  return {
    apiVersion,
    kind: "KesIdentity",
    metadata: { name, namespace, generation: 1, creationTimestamp: minutesAgo(60), ...metadata },
    spec: {
      serverRef: { name: "kes", namespace: home },
      ...(policy !== undefined && { policyRef: { name: policy } }),
      ...(sources[source].spec as object),
      connection: { layout: "MinIO" },
      ...spec,
    },
    status: {
      identities,
      source: sources[source].status,
      identity: identities.find(({ state }) => state === "Active")?.hash,
    },
  };
}

export function aKey(name: string, spec: Partial<KesKeySpec> = {}, object: Partial<KesKey> = {}): KesKey {
  return {
    apiVersion,
    kind: "KesKey",
    metadata: { name, namespace: home, generation: 1, creationTimestamp: minutesAgo(60), ...object.metadata },
    spec: { serverRef: { name: "kes" }, algorithm: "AES256", ...spec },
    ...(object.status && { status: object.status }),
  };
}

export function compile(input: Partial<BundleInput>): Compilation {
  return compileBundle({
    server: aServer(),
    policies: [],
    identities: [],
    keys: [],
    namespaceLabels: new Map([
      [home, { "kubernetes.io/metadata.name": home }],
      [away, { "kubernetes.io/metadata.name": away, tier: "prod" }],
    ]),
    now: noon,
    ...input,
  });
}
