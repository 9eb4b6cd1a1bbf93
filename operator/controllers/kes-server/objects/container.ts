// The server's container, the same in a pod of the operator's and beside MinIO. It fulfils the restricted Pod Security
// Standard, runs as whatever user the image or the platform says, and writes nowhere but to its key store.
import type { Resources } from "../../../api/generated.ts";
import type { Fields } from "./child.ts";
import { keystoreParts } from "./keystore.ts";
import type { StoreView } from "./keystore.ts";
import { mountOf } from "./mounted-volume.ts";
import type { MountedVolume } from "./mounted-volume.ts";
import { childNames } from "./child-names.ts";
import type { Observed } from "./observed.ts";
import { configFile, apiPort, places } from "./places.ts";
import { policyVolumes } from "./policies-source.ts";
import { canonicalQuantity } from "./quantity.ts";
import { apiPortName, opsPortName } from "./service.ts";
import { tlsVolumes } from "./tls-files.ts";

export const containerName = "kes";

export function serverContainer(observed: Observed): Fields {
  const { server, image, settings } = observed;
  const { spec } = server;
  return {
    name: containerName,
    image,
    imagePullPolicy: spec.image?.pullPolicy ?? settings.imagePullPolicy,
    // Nothing but the audit log goes to standard output.
    args: ["server", `--config=${places.config}/${configFile}`, "--quiet"],
    env: spec.env,
    envFrom: spec.envFrom,
    resources: resourcesOf(spec.resources),
    securityContext: spec.securityContext ?? restricted,
    // Why a server ended stands in the pod's status then, where the operator finds it.
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [...serverVolumes(observed).map(mountOf), ...(spec.extraVolumeMounts ?? [])],
  };
}

function resourcesOf({ requests = {}, limits = {} }: Resources): Fields {
  return { requests: amounts(requests), limits: amounts(limits) };
}

function amounts(quantities: Readonly<Record<string, number | string>>): Fields | undefined {
  const entries = Object.entries(quantities);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.map(([name, quantity]) => [name, canonicalQuantity(quantity)]));
}

export function serverVolumes(observed: StoreView): readonly MountedVolume[] {
  const { server } = observed;
  const source = { configMap: { name: childNames(server.metadata.name).config } };
  return [
    { name: "kes-config", path: places.config, source },
    ...policyVolumes(server),
    ...tlsVolumes(server),
    ...keystoreParts(observed).volumes,
  ];
}

const restricted = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  seccompProfile: { type: "RuntimeDefault" },
};

export function apiPortOf(): Fields {
  return { name: apiPortName, containerPort: apiPort, protocol: "TCP" };
}

export function opsPortOf({ server }: Observed): Fields {
  return { name: opsPortName, containerPort: server.spec.ops.port, protocol: "TCP" };
}

export interface Probes {
  readonly startupProbe: Fields;
  readonly readinessProbe: Fields;
  readonly livenessProbe: Fields;
}

/** None of them depends on the key store being reachable for longer than until it was reached once (decisions O7). */
export function probesAt(port: string): Probes {
  const get = (path: string): Fields => ({ httpGet: { path, port } });
  return {
    startupProbe: { ...get("/startupz"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 60 },
    readinessProbe: { ...get("/readyz"), periodSeconds: 5, timeoutSeconds: 3, failureThreshold: 2 },
    livenessProbe: { ...get("/livez"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
  };
}
