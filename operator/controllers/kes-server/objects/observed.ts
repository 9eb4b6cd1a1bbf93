// Everything that the children of a KesServer are made from. Whoever fills it reads caches and asks the API; from here on
// there is no I/O and no clock, so equal observations give equal objects, byte for byte.
import type { KesServer } from "../../../api/generated.ts";
import type { EncodedBundle } from "../../../../sidecar/contract/bundle.ts";
import type { OperatorSettings } from "../settings.ts";

export interface Observed {
  readonly server: KesServer;
  readonly settings: OperatorSettings;
  /** Effective reference of the server's image (decisions O13). */
  readonly image: string;
  /** The policies to publish now; undefined: leave what is there (held back, or not compiled yet). */
  readonly bundle: EncodedBundle | undefined;
  /** Every CA certificate that clients shall trust, PEM; undefined: not known yet, what is published stays. */
  readonly caPem: string | undefined;
  /** What is in the cluster of the workload; undefined: it does not exist yet. */
  readonly workload: ObservedWorkload | undefined;
  /** True once a pod has reached this key store: an empty volume is then a loss, no beginning (decisions K3). */
  readonly storeUsed: boolean;
  /** Whether the cluster serves cert-manager.io/v1. */
  readonly certManager: boolean;
  /** Whether the cluster serves ServiceMonitors. */
  readonly serviceMonitors: boolean;
  /** Endpoint of the server named by `sidecar.fallbackServerRef`; undefined: none is named, or it is not there. */
  readonly fallbackEndpoint: string | undefined;
}

export interface ObservedWorkload {
  /** Live `spec.replicas`. */
  readonly replicas: number;
  /** Whether another field manager owns `spec.replicas` by now, see `replicasOwnedElsewhere` (decisions O8). */
  readonly replicasOwnedElsewhere: boolean;
}
