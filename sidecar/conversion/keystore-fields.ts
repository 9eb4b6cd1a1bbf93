// spec.keystore. Files become Secrets and ConfigMaps that somebody creates from them; credentials become Secrets.
import type { AwsKeystoreConfig, Config, FsKeystoreConfig, GemaltoKeystoreConfig } from "../contract/config.ts";
import type { Entry, Notebook } from "./notebook.ts";
import { credentialEntry, credentialsSecret, storeCa } from "./store-secrets.ts";
import type { Fields, Target } from "./target.ts";
import { vaultOf } from "./vault-fields.ts";

export function keystoreOf({ keystore }: Config, target: Target, notebook: Notebook): Fields {
  if (keystore.type === "fs") return { fs: fsOf(keystore, target, notebook) };
  if (keystore.type === "vault") return { vault: vaultOf(keystore, target, notebook) };
  if (keystore.type === "aws") return { aws: awsOf(keystore, target, notebook) };
  if (keystore.type === "gemalto") return { keysecure: keySecureOf(keystore, target, notebook) };
  return { memory: {} };
}

function fsOf({ path, init, encryption }: FsKeystoreConfig, { name, claim }: Target, notebook: Notebook): Fields {
  const existingClaim = claim ?? `${name}-store`;
  const content = `the files of ${path}, at the top of its volume`;
  notebook.preparations.push({ kind: "PersistentVolumeClaim", name: existingClaim, content, entries: [] });
  const fields = { existingClaim, ...(init ? { init } : {}) };
  if (encryption.length === 0) return fields;
  const secret = `${name}-wrapping-keys`;
  const entries = encryption.map((source, index): Entry => {
    const from = "file" in source ? { file: source.file } : { variable: source.env };
    return { key: `wrapping-${index + 1}.key`, from };
  });
  notebook.preparations.push({ kind: "Secret", name: secret, content: "the wrapping keys of the store", entries });
  return { ...fields, encryption: { secretRef: { name: secret, keys: entries.map(({ key }) => key) } } };
}

function awsOf(aws: AwsKeystoreConfig, { name }: Target, notebook: Notebook): Fields {
  const { region, endpoint, kmsKey, prefix, tags, credentials } = aws;
  const fields = {
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(kmsKey === undefined ? {} : { kmsKey }),
    ...(prefix === "" ? {} : { prefix }),
    ...(tags.size === 0 ? {} : { tags: Object.fromEntries(tags) }),
  };
  if (credentials === undefined) return fields;
  const { accessKey, secretKey, sessionToken } = credentials;
  const secret = credentialsSecret(name);
  const entries = [
    credentialEntry("accessKey", accessKey),
    credentialEntry("secretKey", secretKey),
    ...(sessionToken === undefined ? [] : [credentialEntry("sessionToken", sessionToken)]),
  ];
  notebook.preparations.push({ kind: "Secret", name: secret, content: "the access key of AWS", entries });
  const token = sessionToken === undefined ? {} : { sessionTokenKey: "sessionToken" };
  return { ...fields, credentialsSecret: { name: secret, ...token } };
}

function keySecureOf(
  { endpoint, token, domain, ca }: GemaltoKeystoreConfig,
  target: Target,
  notebook: Notebook,
): Fields {
  const secret = credentialsSecret(target.name);
  const entries = [credentialEntry("token", token)];
  notebook.preparations.push({ kind: "Secret", name: secret, content: "the refresh token of the appliance", entries });
  return {
    endpoint,
    ...(domain === undefined ? {} : { domain }),
    tokenSecretRef: { name: secret, key: "token" },
    ...(ca === undefined ? {} : { ca: storeCa(ca, target, notebook) }),
  };
}
