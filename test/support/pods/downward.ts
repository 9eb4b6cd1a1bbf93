// What a pod may know about itself (the downward API), for environments and volumes.
import type { V1Container, V1ObjectFieldSelector, V1Pod, V1ResourceFieldSelector } from "@kubernetes/client-node";

/** @throws Error for a field that the downward API does not have */
export function fieldOf(pod: V1Pod, address: string, { fieldPath }: V1ObjectFieldSelector): string {
  const map = /^metadata\.(labels|annotations)(?:\['(.+)'\])?$/.exec(fieldPath);
  if (map !== null) return entryOf(map[1] === "labels" ? pod.metadata?.labels : pod.metadata?.annotations, map[2]);
  const value = plainFields(pod, address)[fieldPath];
  if (value === undefined) throw new Error(`the downward API has no field ${fieldPath}`);
  return value;
}

function plainFields({ metadata = {}, spec }: V1Pod, address: string): Readonly<Record<string, string | undefined>> {
  return {
    "metadata.name": metadata.name,
    "metadata.namespace": metadata.namespace,
    "metadata.uid": metadata.uid,
    "spec.nodeName": spec?.nodeName,
    "spec.serviceAccountName": spec?.serviceAccountName,
    "status.hostIP": "127.0.0.1",
    "status.podIP": address,
    "status.podIPs": address,
  };
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** A request or limit of the container in whole divisors, rounded up; 0 when there is none. */
export function resourceOf(container: V1Container, { resource, divisor }: V1ResourceFieldSelector): string {
  const [kind = "", name = ""] = resource.split(".");
  const amounts = kind === "limits" ? container.resources?.limits : container.resources?.requests;
  // An absent divisor is stored as "0".
  const unit = quantity(divisor ?? "1") || 1;
  return String(Math.ceil(quantity(amounts?.[name] ?? "0") / unit));
}

function quantity(text: string): number {
  const [, number = "", unit = ""] = /^([\d.]+)([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = units[unit];
  if (number === "" || factor === undefined) throw new Error(`not a quantity: ${text}`);
  return Number(number) * factor;
}

function entryOf(entries: Readonly<Record<string, string>> | undefined, key: string | undefined): string {
  if (key !== undefined) return entries?.[key] ?? "";
  const lines = Object.entries(entries ?? {}).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return lines.toSorted().join("\n");
}
