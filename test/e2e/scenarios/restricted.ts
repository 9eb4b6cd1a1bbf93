// Every pod of the run was admitted under PodSecurity `restricted`, enforced by its namespace's label.
import assert from "node:assert/strict";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { central } from "../central.ts";
import type { Scenario } from "../world.ts";

const enforce = "pod-security.kubernetes.io/enforce";

export const restricted: Scenario = {
  name: "restricted",
  title: "all pods pass PodSecurity restricted",
  async run(world, step) {
    const { cluster } = world;
    await central(world);
    const pods = ((await cluster.get("pods", "-A")).items as readonly Json[]).filter(isOfRun);
    await step("each one's namespace enforces it", async () => {
      const namespaces = (await cluster.get("namespaces")).items as readonly Json[];
      const levels = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels?.[enforce]]));
      for (const { metadata } of pods) assert.equal(levels.get(metadata.namespace), "restricted", metadata.namespace);
      const found = new Set(pods.map(({ metadata }) => metadata.namespace));
      return `${pods.length} pods in ${[...found].join(", ")}`;
    });
    await step("which refuses a pod that asks for more", async () => {
      const spec = { containers: [{ name: "x", image: "x", securityContext: { privileged: true } }] };
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "privileged", namespace: "keys" }, spec };
      const { code, stderr } = await cluster.tryKubectl(["create", "--dry-run=server", "-f", "-"], {
        stdin: JSON.stringify(pod),
      });
      assert.notEqual(code, 0);
      assert.match(stderr, /violates PodSecurity "restricted:latest"/);
    });
  },
};

/** On a cluster of somebody else's there are more. */
function isOfRun({ metadata }: Json): boolean {
  return !["kube-system", "kube-public", "default", "local-path-storage"].includes(metadata.namespace);
}
