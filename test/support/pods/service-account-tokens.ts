// The projected tokens of one pod: made by the TokenRequest API, bound to the pod, and made anew when four fifths of their
// time have passed, as the kubelet does.
import type { V1Pod, V1ServiceAccountTokenProjection } from "@kubernetes/client-node";
import type { ApiClient } from "../../env/kubernetes/api-client.ts";

interface IssuedToken {
  readonly token: string;
  readonly renewAt: number;
}

export class ServiceAccountTokens {
  readonly #api: ApiClient;
  readonly #pod: V1Pod;
  readonly #issued = new Map<string, IssuedToken>();

  constructor(api: ApiClient, pod: V1Pod) {
    this.#api = api;
    this.#pod = pod;
  }

  async tokenFor({ audience, expirationSeconds = 3600, path }: V1ServiceAccountTokenProjection): Promise<string> {
    const key = JSON.stringify([audience, expirationSeconds, path]);
    const known = this.#issued.get(key);
    if (known !== undefined && Date.now() < known.renewAt) return known.token;
    const { metadata, spec } = this.#pod;
    const account = spec?.serviceAccountName ?? "default";
    const accountPath = `/api/v1/namespaces/${metadata?.namespace}/serviceaccounts/${account}/token`;
    const { status } = await this.#api.create(accountPath, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: {
        audiences: audience === undefined ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name: metadata?.name, uid: metadata?.uid },
      },
    });
    const lifetime = new Date(status.expirationTimestamp).getTime() - Date.now();
    this.#issued.set(key, { token: status.token, renewAt: Date.now() + lifetime * 0.8 });
    return status.token;
  }
}
