// A file with every setting there is, one at a time: what stands at its path, in which file, so that a test can ask what
// became of it.
import { fileSchema } from "../../../sidecar/config/file-schema.ts";
import type { Reader } from "../../../sidecar/config/readers.ts";

export const hash = (digit: string): string => digit.repeat(64);

const stores: Readonly<Record<string, object>> = {
  fs: { fs: { path: "/keys" } },
  vault: {
    vault: { endpoint: "https://vault:8200", version: "v2", approle: { id: "the-role", secret: "the-secret" } },
  },
  aws: { aws: { secretsmanager: { region: "eu-central-1" } } },
  gemalto: { gemalto: { keysecure: { endpoint: "https://ks", credentials: { token: "the-token" } } } },
};

export type File = Readonly<Record<string, unknown>>;

/** The least of a file with that store. */
export function fileWith(store = "fs"): File {
  return { admin: { identity: "disabled" }, tls: { key: "/k", cert: "/c" }, keystore: stores[store] };
}

interface Sample {
  readonly value: unknown;
  /** The file that it is added to. */
  readonly file?: File;
}

const kubernetes = {
  ...fileWith(),
  keystore: { vault: { endpoint: "https://v:8200", kubernetes: { role: "r", jwt: "/j" } } },
};
const token = { ...fileWith(), keystore: { vault: { endpoint: "https://v:8200", token: { file: "/t" } } } };
const client = { cert: "/cc", key: "/ck" };
const cert = { ...fileWith(), keystore: { vault: { endpoint: "https://v:8200", tls: client, cert: {} } } };
const proxied = {
  ...fileWith(),
  tls: { key: "/k", cert: "/c", proxy: { identities: [hash("b")], header: { cert: "X" } } },
};
const verified = { ...fileWith(), tls: { key: "/k", cert: "/c", auth: "on" } };
const credentials = { accesskey: "the-access", secretkey: "the-secret" };
const keyed = { ...fileWith(), keystore: { aws: { secretsmanager: { region: "eu-central-1", credentials } } } };
const transit = {
  ...fileWith(),
  keystore: { vault: { ...(stores["vault"] as { vault: object }).vault, transit: { key: "wrap" } } },
};

/** What to put at a path of the file. */
export const samples: Readonly<Record<string, Sample>> = {
  address: { value: "127.0.0.1:7400" },
  root: { value: hash("a"), file: { tls: { key: "/k", cert: "/c", auth: "off" }, keystore: stores["fs"] } },
  "admin.identity": { value: hash("a") },
  "tls.ca": { value: "/ca", file: verified },
  "tls.auth": { value: "on" },
  "tls.password": { value: "the-password" },
  "tls.proxy.identities[]": { value: hash("d"), file: proxied },
  "tls.proxy.header.cert": { value: "X-Other", file: proxied },
  "policy.<name>.allow[]": { value: "/v1/key/create/a*" },
  "policy.<name>.deny[]": { value: "/v1/key/create/b*" },
  "policy.<name>.paths[]": { value: "/v1/key/create/c*", file: verified },
  "policy.<name>.identities[]": { value: hash("e") },
  "cache.expiry.any": { value: "1m" },
  "cache.expiry.unused": { value: "10s" },
  "cache.expiry.offline": { value: "1h" },
  "api.<path>.skip_auth": { value: true },
  "api.<path>.timeout": { value: "3s" },
  "api.legacy": { value: "on" },
  "api.errors": { value: "legacy" },
  "log.error": { value: "DEBUG" },
  "log.audit": { value: "off" },
  "log.file.error": { value: "/e.log" },
  "log.file.audit": { value: "/a.log" },
  "keys[].name": { value: "my-key" },
  "keystore.fs.path": { value: "/elsewhere" },
  "keystore.fs.init": { value: true },
  "keystore.fs.encryption.keys[].file": { value: "/w.key" },
  "keystore.fs.encryption.keys[].env": { value: "WRAP" },
  "keystore.vault.endpoint": { value: "https://other:8200", file: fileWith("vault") },
  "keystore.vault.engine": { value: "secrets", file: fileWith("vault") },
  "keystore.vault.version": { value: "v1", file: fileWith("vault") },
  "keystore.vault.namespace": { value: "team", file: fileWith("vault") },
  "keystore.vault.prefix": { value: "kes", file: fileWith("vault") },
  "keystore.vault.approle.engine": { value: "roles", file: fileWith("vault") },
  "keystore.vault.approle.namespace": { value: "roles", file: fileWith("vault") },
  "keystore.vault.approle.id": { value: "${file:/role}", file: fileWith("vault") },
  "keystore.vault.approle.secret": { value: "${file:/secret}", file: fileWith("vault") },
  "keystore.vault.approle.retry": { value: "15s", file: fileWith("vault") },
  "keystore.vault.kubernetes.engine": { value: "k8s", file: kubernetes },
  "keystore.vault.kubernetes.namespace": { value: "team", file: kubernetes },
  "keystore.vault.kubernetes.role": { value: "other", file: kubernetes },
  "keystore.vault.kubernetes.jwt": { value: "/other/token", file: kubernetes },
  "keystore.vault.kubernetes.retry": { value: "15s", file: kubernetes },
  "keystore.vault.token.file": { value: "/other", file: token },
  "keystore.vault.token.namespace": { value: "team", file: token },
  "keystore.vault.cert.engine": { value: "certs", file: cert },
  "keystore.vault.cert.namespace": { value: "team", file: cert },
  "keystore.vault.cert.role": { value: "kes", file: cert },
  "keystore.vault.transit.engine": { value: "wrapping", file: transit },
  "keystore.vault.transit.key": { value: "other", file: transit },
  "keystore.vault.transit.mode": { value: "remote", file: transit },
  "keystore.vault.tls.key": { value: "/other", file: cert },
  "keystore.vault.tls.cert": { value: "/other", file: cert },
  "keystore.vault.tls.ca": { value: "/ca", file: fileWith("vault") },
  "keystore.vault.status.ping": { value: "10s", file: fileWith("vault") },
  "keystore.aws.secretsmanager.endpoint": { value: "https://vpce", file: fileWith("aws") },
  "keystore.aws.secretsmanager.region": { value: "us-east-1", file: fileWith("aws") },
  "keystore.aws.secretsmanager.kmskey": { value: "alias/kes", file: fileWith("aws") },
  "keystore.aws.secretsmanager.credentials.accesskey": { value: "${file:/access}", file: keyed },
  "keystore.aws.secretsmanager.credentials.secretkey": { value: "${file:/secret}", file: keyed },
  "keystore.aws.secretsmanager.credentials.token": { value: "the-session", file: keyed },
  "keystore.aws.secretsmanager.prefix": { value: "kes/", file: fileWith("aws") },
  "keystore.aws.secretsmanager.tags.<name>": { value: "blue", file: fileWith("aws") },
  "keystore.gemalto.keysecure.endpoint": { value: "https://other", file: fileWith("gemalto") },
  "keystore.gemalto.keysecure.credentials.token": { value: "${file:/token}", file: fileWith("gemalto") },
  "keystore.gemalto.keysecure.credentials.domain": { value: "root", file: fileWith("gemalto") },
  "keystore.gemalto.keysecure.credentials.retry": { value: "15s", file: fileWith("gemalto") },
  "keystore.gemalto.keysecure.tls.ca": { value: "/ca", file: fileWith("gemalto") },
  "keystore.memory": { value: {}, file: { admin: { identity: "disabled" }, tls: { key: "/k", cert: "/c" } } },
  "store.startup": { value: "fail" },
  "store.deleteProtection.enabled": { value: true },
  "store.deleteProtection.names[]": { value: "my-key" },
  "store.warmup": { value: true },
  "store.strict": { value: true },
  "ops.address": { value: ":9000" },
  "shutdown.grace": { value: "3s" },
  "http2.engine": { value: "node" },
  "sync.file": { value: "/bundle.json" },
};

/** Without a trace on purpose, and why. */
export const untold: Readonly<Record<string, string>> = {
  version: "it says nothing",
  "tls.key": "the certificate stays behind, which is always told",
  "tls.cert": "the certificate stays behind, which is always told",
  "store.requireAtomicCreate": "false counts for version v1 of Vault's engine alone, which a case of its own has",
  "sync.configMap.name": "as sync.file",
  "sync.configMap.namespace": "as sync.file",
  "sync.configMap.serviceAccount": "as sync.file",
  "sync.maxStaleness": "as sync.file",
};

const notServed = /^keystore\.(?:fortanix|gcp|azure|entrust|kes|generic)\b/;

/** Every setting of the file: free names as `<name>`, routes as `<path>`, list items as `[]`. */
export function everySetting(reader: Reader<unknown> = fileSchema, path = ""): readonly string[] {
  const below = Object.entries(reader.below ?? {});
  if (below.length === 0) return notServed.test(path) || /^keys\.(?!\[)/.test(path) ? [] : [path];
  const paths = below.flatMap(([name, child]) => {
    if (name === "[]") return everySetting(child, `${path}[]`);
    const word = name.startsWith("/") ? "<path>" : name;
    return everySetting(child, path === "" ? word : `${path}.${word}`);
  });
  return [...new Set(paths)];
}

/** `file` with `value` at `path`; an item is added to its list. */
export function withSetting(file: unknown, path: string, value: unknown): File {
  const [, name = "", list, rest = ""] = /^([^.[]+|<[^>]+>)(\[\])?\.?(.*)$/.exec(path) ?? [];
  const members = isFile(file) ? file : {};
  const word = name === "<path>" ? "/v1/ready" : name.replace("<name>", "sample");
  const before = members[word];
  if (list === undefined) return { ...members, [word]: rest === "" ? value : withSetting(before, rest, value) };
  const item = rest === "" ? value : withSetting({}, rest, value);
  return { ...members, [word]: Array.isArray(before) ? [...before, item] : [item] };
}

function isFile(value: unknown): value is File {
  return typeof value === "object" && value !== null;
}
