// What stores refer to: a Secret with the credentials, and a ConfigMap with the CA certificates.
import type { Credential } from "../contract/config.ts";
import { credentialPath } from "./credentials.ts";
import type { Entry, Notebook } from "./notebook.ts";
import type { Fields, Target } from "./target.ts";

export function credentialsSecret(server: string): string {
  return `${server}-keystore-credentials`;
}

export function credentialEntry(key: string, credential: Credential): Entry {
  return { key, from: typeof credential === "string" ? { credential: credentialPath(credential) } : credential };
}

/** The CA certificates that the store's own is verified with. */
export function storeCa(file: string, { name }: Target, notebook: Notebook): Fields {
  const configMapName = `${name}-keystore-ca`;
  const content = "the CA certificates that the key store's own is verified with";
  notebook.preparations.push({
    kind: "ConfigMap",
    name: configMapName,
    content,
    entries: [{ key: "ca.crt", from: { file } }],
  });
  return { configMapName, key: "ca.crt" };
}
