// What one visit to a KesServer saw and decided, put together for its status and for the verdict board.
import type { KesServer } from "../../api/generated.ts";
import type { Compilation } from "../../bundle/compile.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import type { Hold } from "./publish-bundle.ts";
import type { LiveCertificate, LiveCertificateRequest, LivePod, LiveWorkload } from "./live-objects.ts";
import type { PodReport } from "./pod-reports.ts";
import type { PodCount } from "./programmed.ts";

export interface ServerView {
  readonly server: KesServer;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly accepted: Judgement;
  readonly compilation: Compilation;
  readonly publication: Publication;
  readonly image: string;
  readonly endpoint: string;
  readonly caPem: string | undefined;
  readonly certificate: CertificateView;
  readonly workload: LiveWorkload | undefined;
  readonly pods: readonly LivePod[];
  readonly reports: readonly PodReport[];
}

/** How far the compiled policies are. */
export interface Publication {
  /** Of the bundle in the ConfigMap; undefined: there is none yet. */
  readonly revision: string | undefined;
  readonly policies: number;
  readonly identities: number;
  /** Milliseconds since 1970 at which it was written, as far as this process or the status know. */
  readonly since: number;
  /** Why something of what was compiled is not out; undefined: all of it is. */
  readonly held: Hold | undefined;
  /** Ready pods and which of them have it. */
  readonly count: PodCount;
  /** Whether `propagation.timeout` has passed since. */
  readonly late: boolean;
}

export interface CertificateView {
  readonly secretName: string;
  /** undefined: it does not come from cert-manager, or is not there yet. */
  readonly certificate: LiveCertificate | undefined;
  /** Of its newest request. */
  readonly request: LiveCertificateRequest | undefined;
  /** True: cert-manager is not asked, spec.tls.secretName names a Secret. */
  readonly isOwn: boolean;
}
