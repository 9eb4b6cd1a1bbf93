// What a MinIO needs to know to reach its KES: one ConfigMap of environment variables, for `envFrom`, and one with the CA
// certificates, to be mounted. Both go into one folder with the client's certificate:
//   volumes: [{name: kes, projected: {sources: [{secret: {name: <n>-kes-tls, items: [tls.crt, tls.key]}},
//                                               {configMap: {name: <n>-kes-ca}}]}}]
import type { KesIdentity } from "../../../api/generated.ts";
import type { KubeObject, Resource } from "../../../kube/object.ts";
import { apiVersionOf } from "../../../kube/object.ts";
import { connectionCaName, connectionName } from "./names.ts";
import { childMetadata } from "./owned.ts";

export const configMaps: Resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface ServerAddress {
  /** `https://…`, several separated by commas. */
  readonly endpoint: string;
  /** Every CA certificate to trust, PEM; undefined: the client's own roots will do. */
  readonly caPem: string | undefined;
}

/** The one with the variables, and the one with the CA certificates where there are any to give. */
export function connectionConfigMaps(identity: KesIdentity, server: ServerAddress): readonly ConfigMap[] {
  const base = { apiVersion: apiVersionOf(configMaps), kind: configMaps.kind };
  const variables = {
    metadata: childMetadata(identity, connectionName(identity)),
    data: environment(identity, server),
  };
  if (server.caPem === undefined) return [{ ...base, ...variables }];
  const roots = { metadata: childMetadata(identity, connectionCaName(identity)), data: { "ca.crt": server.caPem } };
  return [
    { ...base, ...variables },
    { ...base, ...roots },
  ];
}

function environment(identity: KesIdentity, { endpoint, caPem }: ServerAddress): Readonly<Record<string, string>> {
  const { keyName, layout } = identity.spec.connection;
  const path = (file: string): string => `${mountPath(identity)}/${file}`;
  return {
    MINIO_KMS_KES_ENDPOINT: endpoint,
    ...(keyName !== undefined && { MINIO_KMS_KES_KEY_NAME: keyName }),
    // MinIO refuses to start with an API key and a certificate; the key comes from the Secret.
    ...(identity.spec.apiKey === undefined && clientFiles(layout, path)),
    // A Tenant's MinIO has its own folder of roots, and looks there as long as this is not set.
    ...(layout === "MinIO" && caPem !== undefined && { MINIO_KMS_KES_CAPATH: path("ca.crt") }),
  };
}

function clientFiles(layout: "MinIO" | "Tenant", path: (file: string) => string): Readonly<Record<string, string>> {
  const name = layout === "Tenant" ? "client" : "tls";
  return { MINIO_KMS_KES_CERT_FILE: path(`${name}.crt`), MINIO_KMS_KES_KEY_FILE: path(`${name}.key`) };
}

function mountPath({ spec }: KesIdentity): string {
  return spec.connection.mountPath ?? (spec.connection.layout === "Tenant" ? "/tmp/certs/client-0" : "/etc/kes");
}
