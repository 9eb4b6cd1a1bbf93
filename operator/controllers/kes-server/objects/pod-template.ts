// The pod of a server that the operator runs.
import { annotations } from "../../../api/kinds.ts";
import type { KesServerSpec } from "../../../api/generated.ts";
import type { Fields } from "./child.ts";
import { configChecksum } from "./config.ts";
import { apiPortOf, opsPortOf, probesAt, serverContainer, serverVolumes } from "./container.ts";
import { labelsOf, selectorOf } from "./labels.ts";
import { volumeOf } from "./mounted-volume.ts";
import type { Observed } from "./observed.ts";
import { serviceAccountName } from "./policies-source.ts";
import { opsPortName } from "./service.ts";
import { drainSeconds } from "./shutdown.ts";
import { spreadOf } from "./topology-spread.ts";

export function podTemplate(observed: Observed): Fields {
  const { podMetadata } = observed.server.spec;
  return {
    metadata: {
      labels: { ...podMetadata?.labels, ...labelsOf(observed) },
      annotations: { ...podMetadata?.annotations, [annotations.configChecksum]: configChecksum(observed) },
    },
    spec: podSpec(observed),
  };
}

function podSpec(observed: Observed): Fields {
  const { server } = observed;
  const { spec } = server;
  return {
    serviceAccountName: serviceAccountName(server),
    automountServiceAccountToken: false,
    // Dozens of variables with the addresses of other people's Services.
    enableServiceLinks: false,
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds,
    securityContext: spec.podSecurityContext ?? podSecurity(observed),
    ...scheduling(spec),
    topologySpreadConstraints: spreadOf(spec, selectorOf(server)),
    containers: [
      {
        ...serverContainer(observed),
        ports: [apiPortOf(), opsPortOf(observed)],
        ...probesAt(opsPortName),
        // Endpoints are removed while the pod still serves, and only then is it told to stop. The image has no shell.
        lifecycle: { preStop: { sleep: { seconds: drainSeconds(spec) } } },
      },
    ],
    volumes: [...serverVolumes(observed).map(volumeOf), ...(spec.extraVolumes ?? [])],
  };
}

function scheduling(spec: KesServerSpec): Fields {
  const { imagePullSecrets, nodeSelector, tolerations, affinity, priorityClassName, runtimeClassName } = spec;
  return { imagePullSecrets, nodeSelector, tolerations, affinity, priorityClassName, runtimeClassName };
}

/** Group of the files on a volume: any will do, since the kubelet gives it to the files and to the process. */
const volumeGroup = 65_532;

function podSecurity({ server, settings }: Observed): Fields {
  const common = { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } };
  if (server.spec.keystore.fs === undefined || settings.openshift) return common;
  return { ...common, fsGroup: volumeGroup, fsGroupChangePolicy: "OnRootMismatch" };
}
