// spec.keystore.vault.
import type { VaultKeystoreConfig, VaultLogin } from "../contract/config.ts";
import { credentialEntry, credentialsSecret, storeCa } from "./store-secrets.ts";
import { warn } from "./notebook.ts";
import type { Notebook } from "./notebook.ts";
import type { Fields, Target } from "./target.ts";

export function vaultOf(vault: VaultKeystoreConfig, target: Target, notebook: Notebook): Fields {
  const { endpoint, engine, version, namespace, prefix, transit } = vault;
  const tls = tlsOf(vault, target, notebook);
  return {
    endpoint,
    ...(engine === "kv" ? {} : { engine }),
    version,
    ...(namespace === undefined ? {} : { namespace }),
    ...(prefix === "" ? {} : { prefix }),
    ...(transit === undefined ? {} : { transit: transitOf(transit) }),
    auth: authOf(vault, target, notebook),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  };
}

function transitOf({ engine, key, mode }: NonNullable<VaultKeystoreConfig["transit"]>): Fields {
  return { ...(mode === "wrap" ? {} : { mode }), ...(engine === "transit" ? {} : { engine }), key };
}

type Login<Method extends VaultLogin["method"]> = Extract<VaultLogin, { readonly method: Method }>;

function authOf(vault: VaultKeystoreConfig, target: Target, notebook: Notebook): Fields {
  const { login } = vault;
  const namespace = login.namespace === vault.namespace ? {} : { namespace: login.namespace ?? "/" };
  if (login.method === "token") return { token: { ...tokenOf(login, target, notebook), ...namespace } };
  const place = { ...(login.engine === usualMounts[login.method] ? {} : { mountPath: login.engine }), ...namespace };
  if (login.method === "approle") return { appRole: { ...place, ...appRoleOf(login, target, notebook) } };
  if (login.method === "cert") return { cert: { ...(login.role === "" ? {} : { role: login.role }), ...place } };
  warnOfToken(login, target, notebook);
  return { kubernetes: { role: login.role, ...place } };
}

/** Where the auth methods are mounted unless somebody chose. */
const usualMounts = { approle: "approle", kubernetes: "kubernetes", cert: "cert" } as const;

function appRoleOf({ id, secret }: Login<"approle">, { name }: Target, notebook: Notebook): Fields {
  const secretName = credentialsSecret(name);
  const entries = [credentialEntry("role-id", id), credentialEntry("secret-id", secret)];
  notebook.preparations.push({ kind: "Secret", name: secretName, content: "Vault's role id and secret id", entries });
  return {
    roleIDSecretRef: { name: secretName, key: "role-id" },
    secretIDSecretRef: { name: secretName, key: "secret-id" },
  };
}

function warnOfToken({ jwt }: Login<"kubernetes">, { name, namespace }: Target, notebook: Notebook): void {
  const what = "file" in jwt ? jwt.file : "the token in the file";
  const where = namespace === undefined ? "the namespace of the KesServer" : `namespace ${namespace}`;
  const message = `${what} is left out: pods get a token of their own. Bind the role in Vault to ServiceAccount ${name} of ${where}; if it demands an audience, set auth.kubernetes.audience`;
  warn(notebook, "keystore.vault.kubernetes.jwt", message);
}

function tokenOf({ file }: Login<"token">, { name }: Target, notebook: Notebook): Fields {
  const secretName = credentialsSecret(name);
  const entries = [{ key: "token", from: { file } }];
  notebook.preparations.push({ kind: "Secret", name: secretName, content: "the token for Vault", entries });
  const message = `${file} is copied to a Secret once: whoever renews it must renew the Secret, or let an agent write a file in the pod (auth.token.file)`;
  warn(notebook, "keystore.vault.token.file", message);
  return { secretRef: { name: secretName, key: "token" } };
}

function tlsOf({ tls }: VaultKeystoreConfig, target: Target, notebook: Notebook): Fields {
  const ca = tls.ca === undefined ? {} : { ca: storeCa(tls.ca, target, notebook) };
  if (tls.client === undefined) return ca;
  const name = `${target.name}-keystore-tls`;
  const entries = [
    { key: "cert", from: { file: tls.client.cert } },
    { key: "key", from: { file: tls.client.key } },
  ];
  const content = "the client certificate for Vault and its private key";
  notebook.preparations.push({ kind: "TLS Secret", name, content, entries });
  return { ...ca, clientCertSecretName: name };
}
