// What cluster DNS is for programs in pods: names of Services, told over HTTP by the process that runs the pods. Only that
// process may read EndpointSlices; a program in a pod has the rights of its own account.
import { lookup as systemLookup } from "node:dns";
import type { LookupAddress, LookupOptions } from "node:dns";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, LookupFunction } from "node:net";
import type { Kubernetes } from "../env/kubernetes/kubernetes.ts";
import { lookupFor } from "./pods/service-lookup.ts";

export interface NameService extends AsyncDisposable {
  /** `http://127.0.0.1:…`, for `lookupBy`. */
  readonly url: string;
}

export async function startNameService(cluster: Kubernetes): Promise<NameService> {
  const lookup = lookupFor(cluster);
  const server = createServer((request, response) => {
    const name = decodeURIComponent((request.url ?? "/").slice(1));
    lookup(name, { all: true }, (error, addresses) => {
      response.statusCode = error === null ? 200 : 404;
      response.end(JSON.stringify(error === null ? addresses : { message: error.message }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** For the `lookup` option of node:https. Names that are no Service's are looked up as usual. */
export function lookupBy(url: string): LookupFunction {
  return (name, options, callback) => {
    if (/\.svc(\.|$)/.test(name)) void answer(`${url}/${encodeURIComponent(name)}`, options, callback);
    else systemLookup(name, options, callback);
  };
}

async function answer(url: string, { all }: LookupOptions, callback: Parameters<LookupFunction>[2]): Promise<void> {
  let addresses: readonly LookupAddress[];
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(await response.text());
    addresses = (await response.json()) as readonly LookupAddress[];
  } catch (cause) {
    callback(new Error(`no address from ${url}`, { cause }), "");
    return;
  }
  const [first] = addresses;
  if (all === true) callback(null, [...addresses]);
  else callback(null, first?.address ?? "", first?.family);
}
