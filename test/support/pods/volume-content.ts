// What is in a volume that is made of API objects: ConfigMap, Secret, projected, downward API; as the kubelet makes it.
import type {
  V1ConfigMapProjection,
  V1DownwardAPIVolumeFile,
  V1KeyToPath,
  V1Pod,
  V1SecretProjection,
  V1ServiceAccountTokenProjection,
  V1Volume,
  V1VolumeProjection,
} from "@kubernetes/client-node";
import type { ApiClient, Json } from "../../env/kubernetes/api-client.ts";
import type { VolumeFile, VolumeFiles } from "./atomic-folder.ts";
import { fieldOf } from "./downward.ts";

export interface VolumeSource {
  readonly api: ApiClient;
  readonly pod: V1Pod;
  readonly address: string;
  readonly token: (projection: V1ServiceAccountTokenProjection) => Promise<string>;
}

/** @returns undefined for a volume that is no set of files. @throws Error when what it is made of is missing */
export async function volumeContent(volume: V1Volume, source: VolumeSource): Promise<VolumeFiles | undefined> {
  const projected = asProjected(volume);
  if (projected === undefined) return undefined;
  const { sources, mode } = projected;
  const files = new Map<string, VolumeFile>();
  for (const projection of sources) {
    for (const [path, file] of await projectionContent(projection, mode, source)) files.set(path, file);
  }
  return files;
}

interface Projected {
  readonly sources: readonly V1VolumeProjection[];
  readonly mode: number;
}

/** The four kinds are one: the others are a projection of one source. */
function asProjected({ configMap, secret, downwardAPI, projected }: V1Volume): Projected | undefined {
  if (projected) return withMode(projected, projected.sources ?? []);
  if (configMap) return withMode(configMap, [{ configMap }]);
  if (downwardAPI) return withMode(downwardAPI, [{ downwardAPI }]);
  if (secret) return withMode(secret, [{ secret: Object.assign({ name: secret.secretName ?? "" }, secret) }]);
  return undefined;
}

function withMode(
  { defaultMode = 0o644 }: { defaultMode?: number },
  sources: readonly V1VolumeProjection[],
): Projected {
  return { mode: defaultMode, sources };
}

async function projectionContent(
  projection: V1VolumeProjection,
  mode: number,
  source: VolumeSource,
): Promise<VolumeFiles> {
  if (projection.configMap) return objectContent("configmaps", projection.configMap, mode, source);
  if (projection.secret) return objectContent("secrets", projection.secret, mode, source);
  if (projection.downwardAPI) return downwardContent(projection.downwardAPI.items ?? [], mode, source);
  if (projection.serviceAccountToken) {
    const { path } = projection.serviceAccountToken;
    return new Map([[path, { mode, bytes: Buffer.from(await source.token(projection.serviceAccountToken)) }]]);
  }
  throw new Error(`a volume source that these pods do not know: ${Object.keys(projection).join(", ")}`);
}

async function objectContent(
  plural: "configmaps" | "secrets",
  { name, optional, items }: V1ConfigMapProjection | V1SecretProjection,
  mode: number,
  { api, pod }: VolumeSource,
): Promise<VolumeFiles> {
  const object = await api.find(`/api/v1/namespaces/${pod.metadata?.namespace}/${plural}/${name}`);
  if (object === undefined) {
    if (optional === true) return new Map();
    throw new Error(`${plural} "${name}" not found`);
  }
  const entries = plural === "secrets" ? secretEntries(object) : configMapEntries(object);
  if (items === undefined) return new Map([...entries].map(([key, bytes]) => [key, { bytes, mode }]));
  return new Map(items.flatMap((item) => itemContent(item, entries, { mode, optional: optional === true })));
}

function itemContent(
  { key, path, mode: own }: V1KeyToPath,
  entries: ReadonlyMap<string, Buffer>,
  { mode, optional }: { readonly mode: number; readonly optional: boolean },
): readonly (readonly [string, VolumeFile])[] {
  const bytes = entries.get(key);
  if (bytes !== undefined) return [[path, { bytes, mode: own ?? mode }]];
  if (optional) return [];
  throw new Error(`references non-existent key: ${key}`);
}

export function secretEntries(secret: Json): ReadonlyMap<string, Buffer> {
  const data: Record<string, string> = secret.data ?? {};
  return new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64")]));
}

export function configMapEntries(configMap: Json): ReadonlyMap<string, Buffer> {
  const data: Record<string, string> = configMap.data ?? {};
  const texts = Object.entries(data).map(([key, value]) => [key, Buffer.from(value)] as const);
  return new Map([...texts, ...secretEntries({ data: configMap.binaryData })]);
}

function downwardContent(
  items: readonly V1DownwardAPIVolumeFile[],
  mode: number,
  { pod, address }: VolumeSource,
): VolumeFiles {
  return new Map(
    items.map(({ path, fieldRef, mode: own }) => {
      if (fieldRef === undefined) throw new Error(`volume file ${path}: only fieldRef is known here`);
      return [path, { bytes: Buffer.from(fieldOf(pod, address, fieldRef)), mode: own ?? mode }];
    }),
  );
}
