// Vault and OpenBao: the configuration of each login, and where its credentials come from (docs/vault.md).
import type { VaultAppRoleAuth, VaultAuth, VaultKeystore, VaultKubernetesAuth } from "../../../api/generated.ts";
import type { VaultTokenAuth } from "../../../api/generated.ts";
import type { Fields } from "./child.ts";
import { credentialVolume, referenceTo } from "./credential-files.ts";
import type { KeystoreParts } from "./keystore.ts";
import type { MountedVolume } from "./mounted-volume.ts";
import { places } from "./places.ts";
import { storeCa } from "./store-ca.ts";

interface Login {
  readonly settings: Fields;
  readonly volumes?: readonly MountedVolume[];
}

export function vaultParts(vault: VaultKeystore): KeystoreParts {
  const { endpoint, engine, version, namespace, prefix, transit } = vault;
  const ca = storeCa(vault.tls?.ca);
  const client = clientCertificate(vault.tls?.clientCertSecretName);
  const { settings, volumes = [] } = loginOf(vault.auth);
  const tls = ca.path === undefined && client === undefined ? undefined : { ca: ca.path, ...client?.settings };
  return {
    settings: { vault: { endpoint, engine, version, namespace, prefix, ...settings, transit, tls } },
    volumes: [...volumes, ...ca.volumes, ...(client?.volumes ?? [])],
  };
}

function clientCertificate(secretName: string | undefined): Required<Login> | undefined {
  if (secretName === undefined) return undefined;
  const path = places.storeCertificate;
  const items = ["tls.crt", "tls.key"].map((key) => ({ key, path: key }));
  return {
    settings: { cert: `${path}/tls.crt`, key: `${path}/tls.key` },
    volumes: [{ name: "kes-keystore-tls", path, source: { secret: { secretName, items, optional: true } } }],
  };
}

function loginOf({ kubernetes, appRole, token, cert }: VaultAuth): Login {
  if (kubernetes !== undefined) return kubernetesLogin(kubernetes);
  if (appRole !== undefined) return appRoleLogin(appRole);
  if (token !== undefined) return tokenLogin(token);
  return { settings: { cert: { role: cert?.role, engine: cert?.mountPath, namespace: cert?.namespace } } };
}

/** With a token made for Vault alone: it goes over the wire, so it must not be one that the Kubernetes API takes. */
function kubernetesLogin(login: VaultKubernetesAuth): Login {
  const { role, mountPath: engine, namespace, audience, tokenExpirationSeconds: expirationSeconds } = login;
  const serviceAccountToken = { audience, expirationSeconds, path: "token" };
  const source = { projected: { sources: [{ serviceAccountToken }] } };
  return {
    settings: { kubernetes: { role, jwt: `${places.vaultToken}/token`, engine, namespace } },
    volumes: [{ name: "kes-vault-token", path: places.vaultToken, source }],
  };
}

function appRoleLogin({ mountPath, namespace, roleID, roleIDSecretRef, secretIDSecretRef }: VaultAppRoleAuth): Login {
  const secretId = { name: "secret-id", from: secretIDSecretRef };
  const roleId = roleIDSecretRef && { name: "role-id", from: roleIDSecretRef };
  const id = roleId === undefined ? roleID : referenceTo(roleId);
  return {
    settings: { approle: { id, secret: referenceTo(secretId), engine: mountPath, namespace } },
    volumes: [credentialVolume(roleId === undefined ? [secretId] : [roleId, secretId])],
  };
}

function tokenLogin({ file, secretRef, namespace }: VaultTokenAuth): Login {
  if (secretRef === undefined) return { settings: { token: { file, namespace } } };
  const items = [{ key: secretRef.key, path: "token" }];
  const source = { secret: { secretName: secretRef.name, items, optional: true } };
  return {
    settings: { token: { file: `${places.storeToken}/token`, namespace } },
    volumes: [{ name: "kes-keystore-token", path: places.storeToken, source }],
  };
}
