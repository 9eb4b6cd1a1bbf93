// Where policies come from when not from this file: a policy bundle (docs/sync.md).
import { resolve } from "node:path";
import type { ClusterConfig, ConfigMapConfig, SyncConfig } from "../contract/config.ts";
import { given } from "./draft.ts";
import type { Draft } from "./draft.ts";
import type { RawFile } from "./file-schema.ts";
import type { Located } from "./readers.ts";

/** Where the kubelet mounts a pod's token. */
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Names of Kubernetes objects: RFC 1123 subdomains. */
const objectName = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

type RawConfigMap = NonNullable<NonNullable<RawFile["sync"]>["value"]["configMap"]>;

export function syncSection({ raw }: Draft): SyncConfig | undefined {
  const { sync } = raw;
  if (sync === undefined) return undefined;
  const file = given(sync.value.file);
  const configMap = sync.value.configMap === undefined ? undefined : configMapOf(sync.value.configMap);
  if (file === undefined && sync.value.configMap === undefined) {
    sync.at.problem("names no source of policies; set file, configMap or both", { expected: "file or configMap" });
  }
  // What the file says about policies would be read as if it counted.
  for (const { at } of raw.policy ?? []) at.note("has no effect: policies come from sync");
  return {
    file: file === undefined ? undefined : resolve(file),
    configMap,
    maxStaleness: sync.value.maxStaleness ?? 0,
  };
}

function configMapOf({ value, at }: RawConfigMap): ConfigMapConfig {
  return {
    name: nameOf(value.name) ?? missingName(at),
    namespace: nameOf(value.namespace),
    cluster: clusterOf(at, resolve(given(value.serviceAccount) ?? serviceAccount)),
  };
}

function missingName(at: RawConfigMap["at"]): string {
  // Reported already when there is no `name` at all.
  const known = at.source.problems.some((problem) => problem.path === at.path);
  if (!known) at.problem('"name" is empty; set it to the name of the ConfigMap', { expected: "name" });
  return "";
}

function nameOf(name: Located<string> | undefined): string | undefined {
  if (name === undefined || name.value === "") return undefined;
  if (!objectName.test(name.value)) {
    name.at.problem("no name of a Kubernetes object; use a-z 0-9 - and .", { found: name.value });
  }
  return name.value;
}

/** Kubernetes puts its address into the environment of every container. */
function clusterOf(at: RawConfigMap["at"], folder: string): ClusterConfig {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = at.source.environment;
  if (host === "" || !/^[1-9]\d{0,4}$/.test(port)) {
    at.problem(
      "works in a pod only: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; elsewhere use sync.file",
    );
  }
  return { host, port: Number(port), serviceAccount: folder };
}
