// A backup as people make it: objects as they were declared, without what the API server and controllers added to them, and
// the files of volumes. Restored into another cluster, where every uid is another one and no status is left.
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../env/kubernetes/api-client.ts";
import { applyManifest, kubectl } from "../env/kubectl/kubectl.ts";
import type { World } from "./operator-world.ts";

/** Objects of one kubectl resource, in all namespaces or one. */
export async function exportObjects(
  world: World,
  resource: string,
  place: readonly string[],
): Promise<readonly Json[]> {
  const { items }: { items: readonly Json[] } = JSON.parse(
    await kubectl(world.cluster, ["get", resource, ...place, "-o", "json"]),
  );
  return items.map(declared);
}

/** What somebody wrote of an object. */
function declared({ status: _status, metadata, ...object }: Json): Json {
  const { name, namespace, labels, annotations } = metadata;
  return { ...object, metadata: { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) } };
}

/** The files of a claim's volume, copied to `target`. */
export async function saveVolume(world: World, namespace: string, claim: string, target: string): Promise<void> {
  cpSync(await folderOf(world, namespace, claim), target, { recursive: true, preserveTimestamps: true });
}

/** Makes the claim anew, with the files in `source` on its volume. @param claim as exported */
export async function restoreVolume(world: World, claim: Json, source: string): Promise<void> {
  const { volumeName: _bound, ...spec } = claim.spec;
  // With its annotations it would count as bound to a volume that is lost.
  const { annotations: _marks, ...metadata } = claim.metadata;
  await applyManifest(world.cluster, [{ ...claim, metadata, spec }]);
  const { namespace, name } = metadata;
  const folder = await folderOf(world, namespace, name);
  if (existsSync(folder)) throw new Error(`${folder} is in use already`);
  mkdirSync(folder, { recursive: true });
  cpSync(source, folder, { recursive: true, preserveTimestamps: true });
}

/** Where test/support/pods keeps them. */
async function folderOf({ cluster, node }: World, namespace: string, claim: string): Promise<string> {
  const { metadata } = await cluster.api.get(`/api/v1/namespaces/${namespace}/persistentvolumeclaims/${claim}`);
  return join(node.folder, "claims", `${namespace}_${claim}_${metadata.uid}`);
}
