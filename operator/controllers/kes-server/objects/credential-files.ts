// Credentials of the key store as files in one volume. The server reads them whenever it logs in, so a Secret that is replaced
// takes effect without a restart; one that is missing keeps no pod from starting, and the server says what it waits for
// (decisions O9).
import type { SecretKeyRef } from "../../../api/generated.ts";
import type { MountedVolume } from "./mounted-volume.ts";
import { places } from "./places.ts";

export interface CredentialFile {
  /** Of the file. */
  readonly name: string;
  readonly from: SecretKeyRef;
}

/** How the configuration file refers to it. */
export function referenceTo({ name }: CredentialFile): string {
  return `\${file:${places.credentials}/${name}}`;
}

export function credentialVolume(files: readonly CredentialFile[]): MountedVolume {
  const sources = files.map(({ name, from }) => ({
    secret: { name: from.name, items: [{ key: from.key, path: name }], optional: true },
  }));
  return { name: "kes-credentials", path: places.credentials, source: { projected: { sources } } };
}
