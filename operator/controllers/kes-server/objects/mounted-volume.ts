// A volume of the server's pod and where it is mounted, in one: a volume that nobody mounts is a mistake.
import type { CertificateSource } from "../../../api/generated.ts";
import type { Fields } from "./child.ts";

export interface MountedVolume {
  readonly name: string;
  /** Directory in the container. Never a subPath: the kubelet refreshes whole volumes only. */
  readonly path: string;
  /** The member of a Volume that says what it is: `{secret: {…}}`. */
  readonly source: Fields;
  /** Default: false. */
  readonly writable?: boolean;
}

export function volumeOf({ name, source }: MountedVolume): Fields {
  return { name, ...source };
}

export function mountOf({ name, path, writable = false }: MountedVolume): Fields {
  return { name, mountPath: path, ...(writable ? {} : { readOnly: true }) };
}

/** One entry of a ConfigMap or Secret as the file `ca.crt`. The pod starts without it, and says what is missing (decisions O9). */
export function certificatesFrom({ configMapName, secretName, key }: CertificateSource): Fields {
  const entry = { items: [{ key, path: "ca.crt" }], optional: true };
  if (configMapName !== undefined) return { configMap: { name: configMapName, ...entry } };
  return { secret: { secretName, ...entry } };
}
