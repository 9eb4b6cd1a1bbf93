// Names of Services, resolved as a cluster's DNS resolves headless ones: to the addresses of the ready pods behind them, which
// the real controller-manager keeps in EndpointSlices. For the `lookup` option of node:net, node:tls, node:http and node:https.
// Service ports are not translated: connect to the pods' port.
import { lookup as systemLookup } from "node:dns";
import type { LookupAddress, LookupOptions } from "node:dns";
import type { LookupFunction } from "node:net";
import type { V1EndpointSlice } from "@kubernetes/client-node";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";

/** Names `service.namespace.svc` and `pod.service.namespace.svc`, with or without `.cluster.local`; others as usual. */
export function lookupFor(cluster: Kubernetes): LookupFunction {
  let turn = 0;
  return (hostname, options, callback) => {
    const parsed = /^(?:([^.]+)\.)?([^.]+)\.([^.]+)\.svc(?:\.cluster\.local)?$/.exec(hostname);
    if (parsed === null) {
      systemLookup(hostname, options, callback);
      return;
    }
    const [, pod, service = "", namespace = ""] = parsed;
    turn += 1;
    void answer(hostname, addressesOf(cluster, { namespace, service, pod }, turn), options, callback);
  };
}

interface ServiceName {
  readonly namespace: string;
  readonly service: string;
  /** Of a StatefulSet. */
  readonly pod: string | undefined;
}

/** The addresses of the ready pods behind a Service, beginning with another one at each turn. */
async function addressesOf(
  cluster: Kubernetes,
  { namespace, service, pod }: ServiceName,
  turn: number,
): Promise<readonly string[]> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
  const { items } = await cluster.api.get(`${path}?labelSelector=${selector}`);
  const slices: readonly V1EndpointSlice[] = items;
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  const addresses = endpoints
    .filter(({ conditions, hostname }) => conditions?.ready === true && (pod === undefined || hostname === pod))
    .flatMap(({ addresses }) => addresses);
  return rotated(addresses, turn);
}

async function answer(
  hostname: string,
  asked: Promise<readonly string[]>,
  options: LookupOptions,
  callback: Parameters<LookupFunction>[2],
): Promise<void> {
  let all: readonly LookupAddress[];
  try {
    all = (await asked).map((address) => ({ address, family: 4 }));
  } catch (cause) {
    callback(notFound(hostname, cause), "");
    return;
  }
  const [first] = all;
  if (first === undefined) callback(notFound(hostname), "");
  else if (options.all === true) callback(null, [...all]);
  else callback(null, first.address, first.family);
}

function rotated<T>(values: readonly T[], by: number): readonly T[] {
  const at = values.length === 0 ? 0 : by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}

function notFound(hostname: string, cause?: unknown): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`, { cause }), { code: "ENOTFOUND", hostname });
}
