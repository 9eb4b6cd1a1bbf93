// What the controller of identities works with. What it reads it reads from caches that others fill, but for Secrets, of
// which there is none; everything it writes goes through `api`.
import type { KesIdentity, KesServer } from "../../api/generated.ts";
import type { VerdictBoard } from "../../bundle/verdict-board.ts";
import type { KubeApi } from "../../kube/api.ts";
import type { Cache, OptionalCache } from "../../kube/cache.ts";
import type { EventRecorder } from "../../kube/events.ts";
import type { Certificate, CertificateRequest, Issuer } from "./objects/cert-manager.ts";
import type { ConfigMap } from "./objects/connection.ts";

export interface KesIdentityDeps {
  readonly api: KubeApi;
  readonly identities: Cache<KesIdentity>;
  readonly servers: Cache<KesServer>;
  /** These four: what the operator has made, by label, and what cert-manager makes of it. */
  readonly configMaps: Cache<ConfigMap>;
  readonly issuers: OptionalCache<Issuer>;
  readonly certificates: OptionalCache<Certificate>;
  readonly certificateRequests: OptionalCache<CertificateRequest>;
  readonly board: VerdictBoard;
  readonly events: EventRecorder;
  /** Rights on Secrets that the operator was installed with. */
  readonly features: { readonly apiKeys: boolean; readonly secretIdentities: boolean };
  /** Of this operator; objects that name another one are not ours. */
  readonly instanceId: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** 32 random bytes, to become an API key. */
  readonly newSeed: () => Uint8Array;
}
