// How a server gets at its policies: the mounted bundle always, and by watching its ConfigMap where it may (docs/sync.md).
import type { KesServer } from "../../../api/generated.ts";
import { childNames } from "./child-names.ts";
import type { MountedVolume } from "./mounted-volume.ts";
import { places } from "./places.ts";

/** Seconds; the kubelet renews a token at 80 % of its life. */
const tokenLife = 3600;

/** Whether the pods watch the ConfigMap. Sidecars run as somebody else's ServiceAccount, which has to be named for it. */
export function watchesPolicies({ spec }: KesServer): boolean {
  if (!spec.propagation.watch) return false;
  return spec.mode === "Service" || (spec.sidecar?.serviceAccountNames ?? []).length > 0;
}

/** The ServiceAccounts whose pods read the bundle. */
export function policyReaders(server: KesServer): readonly string[] {
  const { mode, sidecar } = server.spec;
  return mode === "Sidecar" ? (sidecar?.serviceAccountNames ?? []) : [serviceAccountName(server)];
}

export function serviceAccountName({ metadata, spec }: KesServer): string {
  return spec.serviceAccount.name ?? metadata.name;
}

export function policyVolumes(server: KesServer): readonly MountedVolume[] {
  // Not optional: no pod starts before there are policies.
  const source = { configMap: { name: childNames(server.metadata.name).bundle } };
  const bundle = { name: "kes-bundle", path: places.bundle, source };
  return watchesPolicies(server) ? [bundle, apiToken] : [bundle];
}

const apiToken: MountedVolume = {
  name: "kes-api-token",
  path: places.serviceAccount,
  source: {
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenLife, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
      ],
    },
  },
};
