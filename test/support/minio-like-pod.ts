// The pod of a client as a user of MinIO writes it: variables from the ConfigMap that a KesIdentity has made for it, its
// certificate and the server's CA from Secret and ConfigMap in one folder. Nothing in it is read from the server's namespace.
import type { V1Pod } from "@kubernetes/client-node";
import { nameServiceVariable } from "./minio-like-client.ts";

export interface ClientPodOptions {
  readonly namespace: string;
  readonly name: string;
  /** The KesIdentity, in the same namespace. */
  readonly identity: string;
  readonly nameService: string;
  /** Program and arguments. */
  readonly command: readonly string[];
}

export function clientPod({ namespace, name, identity, nameService, command }: ClientPodOptions): V1Pod {
  const sources = [
    { secret: { name: `${identity}-kes-tls`, items: ["tls.crt", "tls.key"].map((key) => ({ key, path: key })) } },
    { configMap: { name: `${identity}-kes-ca` } },
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 5,
      volumes: [{ name: "kes", projected: { sources } }],
      containers: [
        {
          name: "client",
          image: "kes:client",
          command: [...command],
          envFrom: [{ configMapRef: { name: `${identity}-kes` } }],
          env: [{ name: nameServiceVariable, value: nameService }],
          volumeMounts: [{ name: "kes", mountPath: "/etc/kes", readOnly: true }],
        },
      ],
    },
  };
}
