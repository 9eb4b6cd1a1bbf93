// Whether the spec of a KesServer makes sense beyond what its schema can say: the condition Accepted. Pure; what a Secret
// holds is never looked at, so a wrong Secret shows up in the pods instead.
import type { CertificateSource, KesServer } from "../../api/generated.ts";
import { kesServers } from "../../api/kinds.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import { refOfObject } from "../../kube/object.ts";
import type { Resource } from "../../kube/object.ts";
import { configMaps, issuers, serviceAccounts, volumeClaims } from "./objects/child-kinds.ts";
import { serviceAccountName } from "./objects/policies-source.ts";
import { certManagerOf } from "./objects/tls-files.ts";
import { specProblems } from "./spec-problems.ts";
import { specWarnings } from "./spec-warnings.ts";
import type { SpecWarning } from "./spec-warnings.ts";

export interface ServerChecks {
  readonly accepted: Judgement;
  /** What works but should be known: to be told as Warning events, once each. */
  readonly warnings: readonly SpecWarning[];
}

export interface CheckInput {
  readonly server: KesServer;
  /** The hash behind `spec.admin`; undefined: there is none. */
  readonly adminHash: string | undefined;
  /** Whether the cluster serves cert-manager.io/v1; undefined: not known yet. */
  readonly certManager: boolean | undefined;
  /** Whether the cluster serves ServiceMonitors; undefined: not known yet. */
  readonly serviceMonitors: boolean | undefined;
  /** Those of `referencesOf(server)` that lead nowhere. */
  readonly missing: readonly MissingReference[];
}

/** The first kind of problem decides the reason; of one kind, all are told. */
export function checkServer(input: CheckInput): ServerChecks {
  const { server, adminHash, serviceMonitors, missing } = input;
  const accepted =
    judge("InvalidSpec", specProblems(server, adminHash)) ??
    judgeCertManager(input) ??
    judge(
      "RefNotFound",
      missing.map((each) => missingText(each, server)),
    );
  return { accepted: accepted ?? inOrder, warnings: specWarnings(server, serviceMonitors) };
}

const inOrder: Judgement = { status: "True", reason: "Accepted", message: "the specification is in order" };

function judge(reason: string, problems: readonly string[]): Judgement | undefined {
  return problems.length === 0 ? undefined : { status: "False", reason, message: problems.join("; ") };
}

function judgeCertManager({ server, certManager }: CheckInput): Judgement | undefined {
  if (certManager === true || certManagerOf(server) === undefined) return undefined;
  if (certManager === undefined) {
    return { status: "Unknown", reason: "Pending", message: "whether the cluster has cert-manager is not known yet" };
  }
  const message =
    "the server's certificate is to come from cert-manager, which this cluster does not have: " +
    "install it, or name a Secret with a certificate in spec.tls.secretName";
  return { status: "False", reason: "CertManagerNotInstalled", message };
}

function missingText({ reference, what }: MissingReference, server: KesServer): string {
  const { field, resource, name, key } = reference;
  const { namespace } = refOfObject(server);
  if (what === "object") {
    return `${field}: there is no ${resource.kind} "${name}" in namespace ${namespace}; make it, or correct the name`;
  }
  return `${field}: ${resource.kind} "${name}" has no entry "${key ?? ""}"; add it, or correct ${field}.key`;
}

/** An object of the server's namespace. */
export interface Reference {
  /** Where the name stands: `spec.tls.clientCA`. */
  readonly field: string;
  readonly resource: Resource;
  readonly name: string;
  /** Entry of a ConfigMap's data that must be there. */
  readonly key?: string | undefined;
}

export interface MissingReference {
  readonly reference: Reference;
  /** `object`: there is no such object; `key`: it has no such entry. */
  readonly what: "object" | "key";
}

/**
 * What the spec names and the operator may look at, so that a wrong name is found before pods wait for it. Secrets are not
 * among it. Each costs a call, so only what the pods could not do without.
 */
export function referencesOf(server: KesServer): readonly Reference[] {
  const { tls, keystore, sidecar } = server.spec;
  const verifies = tls.clientAuth === "VerifyChain";
  return [
    ...certificatesIn("spec.tls.caBundle", tls.caBundle),
    ...certificatesIn("spec.tls.clientCA", verifies ? tls.clientCA : undefined),
    ...certificatesIn("spec.keystore.vault.tls.ca", keystore.vault?.tls?.ca),
    ...certificatesIn("spec.keystore.keysecure.ca", keystore.keysecure?.ca),
    ...issuerOf(server),
    ...named("spec.keystore.fs.existingClaim", volumeClaims, keystore.fs?.existingClaim),
    ...named("spec.serviceAccount.name", serviceAccounts, foreignAccount(server)),
    ...named("spec.sidecar.fallbackServerRef", kesServers, sidecar?.fallbackServerRef?.name),
  ];
}

function named(field: string, resource: Resource, name: string | undefined): readonly Reference[] {
  return name === undefined ? [] : [{ field, resource, name }];
}

function certificatesIn(field: string, source: Partial<CertificateSource> | undefined): readonly Reference[] {
  if (source?.configMapName === undefined) return [];
  return [{ field, resource: configMaps, name: source.configMapName, key: source.key }];
}

/** An Issuer. Others are not of this namespace, or of a kind that the operator may not read. */
function issuerOf({ spec }: KesServer): readonly Reference[] {
  const issuer = spec.tls.certManager?.issuerRef;
  const isHere = issuer?.kind === issuers.kind && issuer.group === issuers.group;
  return named("spec.tls.certManager.issuerRef", issuers, isHere ? issuer.name : undefined);
}

function foreignAccount(server: KesServer): string | undefined {
  const { mode, serviceAccount } = server.spec;
  return mode === "Service" && !serviceAccount.create ? serviceAccountName(server) : undefined;
}
