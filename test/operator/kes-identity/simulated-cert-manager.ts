// What cert-manager does with one Certificate, step by step, as its controllers do it (requestmanager, keymanager, issuing,
// revisionmanager of 1.11): each step is taken when a test says so, or not yet.
import { certificateRequests, certificates } from "../../../operator/controllers/kes-identity/objects/cert-manager.ts";
import type {
  Certificate,
  CertificateRequest,
} from "../../../operator/controllers/kes-identity/objects/cert-manager.ts";
import type { Cluster } from "./cluster.ts";
import type { PoolKey } from "./key-pool.ts";
import { hour } from "./objects.ts";

const ref = { namespace: "prod", name: "minio-kes" };

export class SimulatedCertManager {
  /** What the client's Secret holds. */
  secret: PoolKey | undefined;
  readonly #cluster: Cluster;
  readonly #keys: readonly PoolKey[];
  readonly #now: () => number;
  #used = 0;
  #nextKey: PoolKey | undefined;
  #isFlipped = false;

  constructor(cluster: Cluster, keys: readonly PoolKey[], now: () => number) {
    this.#cluster = cluster;
    this.#keys = keys;
    this.#now = now;
  }

  get certificate(): Certificate | undefined {
    return this.#cluster.get<Certificate>(certificates, ref);
  }

  get revision(): number {
    return this.certificate?.status?.revision ?? 0;
  }

  get isIssuing(): boolean {
    return this.#conditions().some(({ type, status }) => type === "Issuing" && status === "True");
  }

  /** The request that is being worked on. */
  get request(): CertificateRequest | undefined {
    return this.requests().find((request) => revisionOf(request) === this.revision + 1);
  }

  /** Whether the next step puts another key into the Secret. */
  get isAboutToChangeKey(): boolean {
    return this.#canFlip() && this.#nextKey !== this.secret;
  }

  requests(): readonly CertificateRequest[] {
    return this.#cluster.list<CertificateRequest>(certificateRequests);
  }

  /** Begins when there is no Secret, or when it is time. */
  trigger(): void {
    const { certificate } = this;
    if (certificate === undefined || this.isIssuing) return;
    const renewal = Date.parse(certificate.status?.renewalTime ?? "");
    if (this.secret === undefined || renewal <= this.#now()) this.#setIssuing("True", "Renewing");
  }

  prepareKey(): void {
    const { certificate } = this;
    if (certificate === undefined || !this.isIssuing || this.#nextKey !== undefined) return;
    const isNew = this.secret === undefined || certificate.spec.privateKey?.rotationPolicy === "Always";
    this.#nextKey = isNew ? this.#freshKey() : this.secret;
  }

  makeRequest(): void {
    const { certificate } = this;
    if (certificate === undefined || !this.isIssuing || this.#nextKey === undefined || this.request !== undefined)
      return;
    const revision = String(this.revision + 1);
    const owner = { apiVersion: "cert-manager.io/v1", kind: "Certificate", name: ref.name, controller: true };
    this.#cluster.put<CertificateRequest>(certificateRequests, {
      apiVersion: "cert-manager.io/v1",
      kind: "CertificateRequest",
      metadata: {
        namespace: ref.namespace,
        name: `minio-kes-${revision}`,
        labels: certificate.metadata.labels ?? {},
        annotations: {
          "cert-manager.io/certificate-name": ref.name,
          "cert-manager.io/certificate-revision": revision,
        },
        ownerReferences: [{ ...owner, uid: certificate.metadata.uid ?? "" }],
      },
      spec: { request: this.#nextKey.request, issuerRef: { name: "ca" } },
    });
  }

  approve(): void {
    if (this.request !== undefined) this.#setRequest(this.request, { type: "Approved", status: "True" });
  }

  sign(): void {
    const { request } = this;
    if (request === undefined || !hasCondition(request, "Approved") || this.#nextKey === undefined) return;
    const { certificate } = this.#nextKey;
    this.#setRequest(request, { type: "Ready", status: "True", reason: "Issued" }, { certificate });
  }

  fail(): void {
    const { request, certificate } = this;
    if (request === undefined || certificate === undefined || this.#isFlipped || !this.isIssuing) return;
    this.#setRequest(request, { type: "Ready", status: "False", reason: "Failed", message: "no" });
    this.#setIssuing("False", "Failed", { lastFailureTime: text(this.#now()) });
    this.#cluster.remove(certificateRequests, { namespace: ref.namespace, name: request.metadata.name });
    this.#nextKey = undefined;
  }

  /** The new certificate and key are in the Secret. */
  flip(): void {
    if (!this.#canFlip()) return;
    this.secret = this.#nextKey;
    this.#isFlipped = true;
  }

  finish(): void {
    const { certificate } = this;
    if (certificate === undefined || !this.#isFlipped) return;
    this.#isFlipped = false;
    this.#nextKey = undefined;
    const conditions = this.#conditions().filter(({ type }) => type !== "Issuing" && type !== "Ready");
    this.#put(certificate, {
      conditions: [...conditions, { type: "Ready", status: "True" }] as never,
      revision: this.revision + 1,
      notBefore: text(this.#now()),
      renewalTime: text(this.#now() + hour),
      ...(this.secret !== undefined && { notAfter: this.secret.notAfter }),
    });
  }

  /** Requests of old revisions go; the spec says how many stay. */
  collect(): void {
    const limit = this.certificate?.spec.revisionHistoryLimit ?? 1;
    const old = this.requests()
      .toSorted((a, b) => revisionOf(b) - revisionOf(a))
      .slice(limit);
    for (const { metadata } of old) this.#cluster.remove(certificateRequests, { ...ref, name: metadata.name });
  }

  /** Somebody deletes a request; not in the instant in which nobody could tell any more whose key it was. */
  lose(which: number): void {
    const request = this.requests().at(which);
    if (request === undefined || this.#isFlipped) return;
    this.#cluster.remove(certificateRequests, { ...ref, name: request.metadata.name });
  }

  #canFlip(): boolean {
    return this.request !== undefined && hasCondition(this.request, "Ready") && !this.#isFlipped;
  }

  #freshKey(): PoolKey | undefined {
    this.#used += 1;
    return this.#keys[this.#used - 1];
  }

  #conditions(): readonly { readonly type: string; readonly status: string }[] {
    return this.certificate?.status?.conditions ?? [];
  }

  #setIssuing(status: "True" | "False", reason: string, more: object = {}): void {
    const { certificate } = this;
    if (certificate === undefined) return;
    const others = this.#conditions().filter(({ type }) => type !== "Issuing");
    const issuing = { type: "Issuing", status, reason, message: "", lastTransitionTime: text(this.#now()) };
    this.#put(certificate, { ...more, conditions: [...others, issuing] as never });
  }

  #put(certificate: Certificate, status: NonNullable<Certificate["status"]>): void {
    this.#cluster.put<Certificate>(certificates, { ...certificate, status: { ...certificate.status, ...status } });
  }

  #setRequest(
    request: CertificateRequest,
    condition: Readonly<Record<"type" | "status", string>> & Readonly<Record<string, string>>,
    more: object = {},
  ): void {
    const others = (request.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
    const status = { ...request.status, ...more, conditions: [...others, condition] as never };
    this.#cluster.put<CertificateRequest>(certificateRequests, { ...request, status });
  }
}

function hasCondition(request: CertificateRequest, wanted: string): boolean {
  return (request.status?.conditions ?? []).some(({ type, status }) => type === wanted && status === "True");
}

function revisionOf({ metadata }: CertificateRequest): number {
  return Number(metadata.annotations?.["cert-manager.io/certificate-revision"]);
}

function text(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
