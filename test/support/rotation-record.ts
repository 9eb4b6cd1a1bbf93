// What really happened to a client's identities, from the outside: which bundles were published with whom in them, when each
// server put each of them in force, and when each identity was first used. All times are of one machine's clock.
import type { ApiClient } from "../env/kubernetes/api-client.ts";
import type { PodNode } from "./pods/pod-node.ts";

/** Follows a server's bundles until it is disposed. */
export class PublishedBundles implements AsyncDisposable {
  /** Revision → the hashes in it. */
  readonly identities = new Map<string, ReadonlySet<string>>();
  /** Of the last one. */
  latest: ReadonlySet<string> = new Set();
  readonly #ending = new AbortController();
  readonly #following: Promise<void>;

  constructor(api: ApiClient, namespace: string, server: string) {
    this.#following = this.#follow(api, namespace, `${server}-bundle`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#following;
  }

  async #follow(api: ApiClient, namespace: string, name: string): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/configmaps?fieldSelector=metadata.name%3D${name}`;
    try {
      for await (const { object } of api.watch(path, this.#ending.signal)) {
        const { revision, identities } = JSON.parse(object.data["bundle.json"]);
        this.latest = new Set(Object.keys(identities));
        this.identities.set(revision, this.latest);
      }
    } catch (error) {
      if (!this.#ending.signal.aborted) throw error;
    }
  }
}

export interface Use {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly identity: string;
  readonly status: number;
}

/** The requests that a server's pod answered, from its audit log. */
export function usesIn(log: string): readonly Use[] {
  return linesOf(log).flatMap(({ time, request, response }) => {
    if (request?.identity === undefined || response === undefined) return [];
    return [{ at: Date.parse(time), identity: request.identity, status: response.code }];
  });
}

/** When a server's pod first enforced each hash, in milliseconds since 1970; the first bundles come from before the record. */
export function knownSince(log: string, bundles: PublishedBundles): ReadonlyMap<string, number> {
  const known = new Map<string, number>();
  for (const { time, msg, revision } of linesOf(log)) {
    if (msg !== "policy bundle applied" || revision === undefined) continue;
    for (const hash of bundles.identities.get(revision) ?? []) if (!known.has(hash)) known.set(hash, Date.parse(time));
  }
  return known;
}

/** Of each pod of a server, by name: all that it wrote. */
export function logsOf(node: PodNode, namespace: string, server: string): ReadonlyMap<string, string> {
  const pods = node
    .pods(namespace)
    .filter(({ pod }) => pod.metadata?.labels?.["kes-operator.io/server"] === server)
    .map(({ pod }) => pod.metadata?.name ?? "");
  return new Map(pods.map((name) => [name, node.logs(namespace, name)]));
}

interface Line {
  readonly time: string;
  readonly msg?: string;
  readonly revision?: string;
  readonly request?: { readonly identity?: string };
  readonly response?: { readonly code: number };
}

function linesOf(log: string): readonly Line[] {
  return log
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line): Line => JSON.parse(line));
}
