// ConfigMap `<server>-sidecar`: what a user adds to pods of their own, ready to paste. Once as a native sidecar, which starts
// before MinIO and ends after it, once for a Tenant of the MinIO operator, which knows plain containers only.
import { stringify } from "yaml";
import { labels } from "../../../api/kinds.ts";
import { keyOf, refOfObject } from "../../../kube/object.ts";
import { configMaps } from "./child-kinds.ts";
import { childNames } from "./child-names.ts";
import { child } from "./child.ts";
import type { Fields, PlannedObject } from "./child.ts";
import { opsPortOf, probesAt, serverContainer, serverVolumes } from "./container.ts";
import { endpointsOf } from "./endpoint.ts";
import { volumeOf } from "./mounted-volume.ts";
import type { Observed } from "./observed.ts";

/** MinIO's pod has ports of its own. */
const opsPortName = "kes-ops";

export function sidecarSnippet(observed: Observed): PlannedObject {
  const name = childNames(observed.server.metadata.name).sidecar;
  const data = { "native-sidecar.yaml": nativeSidecar(observed), "tenant.yaml": tenant(observed) };
  return child(observed, configMaps, { name, body: { data } });
}

function nativeSidecar(observed: Observed): string {
  const { server } = observed;
  return text(observed, "Add to the pod template of a StatefulSet or Deployment.", {
    metadata: { labels: { [labels.sidecarOf]: server.metadata.name } },
    spec: {
      initContainers: [{ ...sidecar(observed), restartPolicy: "Always" }],
      volumes: volumes(observed),
    },
  });
}

function tenant(observed: Observed): string {
  return text(observed, "Add to a Tenant of the MinIO operator; the label goes to its pools[].labels.", {
    spec: { sideCars: { containers: [sidecar(observed)], volumes: volumes(observed) } },
  });
}

/** Without a readiness probe: it would count for MinIO's pod as well (decisions O7). */
function sidecar(observed: Observed): Fields {
  const { startupProbe, livenessProbe } = probesAt(opsPortName);
  const ports = [{ ...opsPortOf(observed), name: opsPortName }];
  return { ...serverContainer(observed), ports, startupProbe, livenessProbe };
}

function volumes(observed: Observed): readonly Fields[] {
  return [...serverVolumes(observed).map(volumeOf), ...(observed.server.spec.extraVolumes ?? [])];
}

function text(observed: Observed, how: string, content: Fields): string {
  const { server, fallbackEndpoint } = observed;
  const comments = [
    `KesServer ${keyOf(refOfObject(server))} as a sidecar. ${how}`,
    `The pods carry the label ${labels.sidecarOf}: ${server.metadata.name}; the operator asks them for their state.`,
    `MinIO finds the server at MINIO_KMS_KES_ENDPOINT=${endpointsOf(server, fallbackEndpoint)}`,
  ];
  const head = comments.map((line) => `# ${line}\n`).join("");
  return head + stringify(content, { lineWidth: 0, aliasDuplicateObjects: false });
}
