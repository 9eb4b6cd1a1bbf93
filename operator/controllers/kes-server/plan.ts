// From what was observed to the objects that a KesServer needs. Pure: no calls, no clock, nothing remembered. Every object is
// the complete intent of the operator's field manager; what it leaves out belongs to somebody else. What must not exist in
// this configuration is named as well, since a feature that is switched off leaves its object behind.
import { refOfObject } from "../../kube/object.ts";
import type { ObjectRef, Resource } from "../../kube/object.ts";
import { autoscaler } from "./objects/autoscaler.ts";
import { bundleReader } from "./objects/bundle-reader.ts";
import { bundleConfigMap } from "./objects/bundle.ts";
import { caConfigMap } from "./objects/ca.ts";
import { certificateChain } from "./objects/certificates.ts";
import * as kinds from "./objects/child-kinds.ts";
import { childNames } from "./objects/child-names.ts";
import type { PlannedObject } from "./objects/child.ts";
import { configMap } from "./objects/config.ts";
import { disruptionBudget, hasDisruptionBudget } from "./objects/disruption-budget.ts";
import { networkPolicy } from "./objects/network-policy.ts";
import type { Observed } from "./objects/observed.ts";
import { watchesPolicies } from "./objects/policies-source.ts";
import { serviceAccount } from "./objects/service-account.ts";
import { serviceMonitor } from "./objects/service-monitor.ts";
import { clientService, hasHeadlessService, headlessService } from "./objects/service.ts";
import { sidecarSnippet } from "./objects/sidecar-snippet.ts";
import { certManagerOf } from "./objects/tls-files.ts";
import { volumeClaim } from "./objects/volume-claim.ts";
import { workload } from "./objects/workload.ts";

export type { PlannedObject };

export interface Plan {
  /** In the order in which they are to be applied: what pods mount comes before the pods. */
  readonly objects: readonly PlannedObject[];
  /** Children that must not exist in this configuration; to be deleted where they are there and owned by the server. */
  readonly unwanted: readonly UnwantedObject[];
  /** True: the bundle does not fit into a ConfigMap and is not among the objects; the former one stays in force. */
  readonly bundleTooLarge: boolean;
}

export interface UnwantedObject {
  readonly resource: Resource;
  readonly ref: ObjectRef;
}

/** The policies alone: they need nothing of the spec that can be wrong. */
export function planBundle(observed: Observed): Plan {
  const { bundle } = observed;
  const object = bundle && bundleConfigMap(observed, bundle);
  const bundleTooLarge = bundle !== undefined && object === undefined;
  return { objects: object === undefined ? [] : [object], unwanted: [], bundleTooLarge };
}

export function planServer(observed: Observed): Plan {
  const { caPem } = observed;
  const { objects: policies, bundleTooLarge } = planBundle(observed);
  const objects = [
    ...policies,
    ...access(observed),
    ...storage(observed),
    ...certificates(observed),
    ...(caPem === undefined ? [] : [caConfigMap(observed, caPem)]),
    configMap(observed),
    ...(observed.server.spec.mode === "Sidecar" ? [sidecarSnippet(observed)] : service(observed)),
  ];
  return { objects, unwanted: unwantedBeside(objects, observed), bundleTooLarge };
}

function access(observed: Observed): readonly PlannedObject[] {
  const { mode, serviceAccount: account } = observed.server.spec;
  return [
    ...(mode === "Service" && account.create ? [serviceAccount(observed)] : []),
    ...(watchesPolicies(observed.server) ? bundleReader(observed) : []),
  ];
}

function storage(observed: Observed): readonly PlannedObject[] {
  const claim = observed.server.spec.keystore.fs?.volumeClaim;
  return claim === undefined ? [] : [volumeClaim(observed, claim)];
}

function certificates(observed: Observed): readonly PlannedObject[] {
  const certManager = certManagerOf(observed.server);
  return certManager === undefined || !observed.certManager ? [] : certificateChain(observed, certManager);
}

function service(observed: Observed): readonly PlannedObject[] {
  const { spec } = observed.server;
  const hasMonitor = spec.monitoring.serviceMonitor.enabled && observed.serviceMonitors;
  return [
    clientService(observed),
    ...(hasHeadlessService(spec) ? [headlessService(observed)] : []),
    ...(spec.networkPolicy.enabled ? [networkPolicy(observed)] : []),
    workload(observed),
    ...(spec.autoscaling === undefined ? [] : [autoscaler(observed, spec.autoscaling)]),
    ...(hasDisruptionBudget(spec) ? [disruptionBudget(observed)] : []),
    ...(hasMonitor ? [serviceMonitor(observed)] : []),
  ];
}

/** What some configuration has and this one has not. Never the bundle, the CA or the keys: what is there stays. */
function unwantedBeside(objects: readonly PlannedObject[], observed: Observed): readonly UnwantedObject[] {
  const { namespace } = refOfObject(observed.server);
  const wanted = new Set(objects.map(({ resource, object }) => idOf(resource, object.metadata.name)));
  return removable(observed)
    .filter(([resource, name]) => !wanted.has(idOf(resource, name)))
    .map(([resource, name]) => ({ resource, ref: { namespace, name } }));
}

function removable({ server, certManager, serviceMonitors }: Observed): readonly (readonly [Resource, string])[] {
  const { name } = server.metadata;
  const names = childNames(name);
  const certificateKinds = [
    [kinds.certificates, names.serverCertificate],
    [kinds.certificates, names.ca],
    [kinds.issuers, names.caIssuer],
    [kinds.issuers, names.selfSignedIssuer],
  ] as const;
  return [
    [kinds.serviceAccounts, name],
    [kinds.roleBindings, names.bundleReader],
    [kinds.roles, names.bundleReader],
    [kinds.services, names.headless],
    [kinds.networkPolicies, name],
    [kinds.autoscalers, name],
    [kinds.disruptionBudgets, name],
    ...(certManager ? certificateKinds : []),
    ...(serviceMonitors ? [[kinds.serviceMonitors, name] as const] : []),
  ];
}

function idOf({ group, plural }: Resource, name: string): string {
  return `${group}/${plural}/${name}`;
}
