// What the key store of a server needs: its member of the configuration file, and the volumes that hold what
// the file refers to. Credentials never stand in the file; they come from Secrets that the operator does not read.
import type { AwsKeystore, FsKeystore, KeySecureKeystore } from "../../../api/generated.ts";
import { childNames } from "./child-names.ts";
import type { Fields } from "./child.ts";
import { credentialVolume, referenceTo } from "./credential-files.ts";
import type { MountedVolume } from "./mounted-volume.ts";
import type { Observed } from "./observed.ts";
import { places } from "./places.ts";
import { storeCa } from "./store-ca.ts";
import { vaultParts } from "./vault-keystore.ts";

export interface KeystoreParts {
  /** `keystore:` of the configuration file. */
  readonly settings: Fields;
  readonly volumes: readonly MountedVolume[];
}

/** What the parts depend on. */
export type StoreView = Pick<Observed, "server" | "storeUsed">;

export function keystoreParts(observed: StoreView): KeystoreParts {
  const { fs, vault, aws, keysecure } = observed.server.spec.keystore;
  if (fs !== undefined) return fsParts(fs, observed);
  if (vault !== undefined) return vaultParts(vault);
  if (aws !== undefined) return awsParts(aws);
  if (keysecure !== undefined) return keySecureParts(keysecure);
  return { settings: { memory: {} }, volumes: [] };
}

function fsParts(fs: FsKeystore, { server, storeUsed }: StoreView): KeystoreParts {
  const claimName = fs.existingClaim ?? childNames(server.metadata.name).volumeClaim;
  const store = {
    name: "kes-keystore",
    path: fs.path,
    source: { persistentVolumeClaim: { claimName } },
    writable: true,
  };
  const files = fs.encryption?.secretRef.keys.map((key) => ({ file: `${places.wrappingKeys}/${key}` }));
  const encryption = files === undefined ? undefined : { keys: files };
  // A new claim is empty and may be taken into use. Once there were keys, an empty volume is another volume, or a loss.
  const init = fs.init ?? (fs.volumeClaim !== undefined && !storeUsed);
  return {
    settings: { fs: { path: fs.path, init, encryption } },
    volumes: [store, ...wrappingKeys(fs)],
  };
}

function wrappingKeys({ encryption }: FsKeystore): readonly MountedVolume[] {
  if (encryption === undefined) return [];
  const { name, keys } = encryption.secretRef;
  const items = keys.map((key) => ({ key, path: key }));
  const source = { secret: { secretName: name, items, optional: true } };
  return [{ name: "kes-wrapping-keys", path: places.wrappingKeys, source }];
}

function awsParts(aws: AwsKeystore): KeystoreParts {
  const { region, endpoint, kmsKey, prefix, tags, credentialsSecret } = aws;
  const settings = { region, endpoint, kmskey: kmsKey, prefix, tags };
  if (credentialsSecret === undefined) return { settings: { aws: { secretsmanager: settings } }, volumes: [] };
  const { name, accessKeyKey, secretKeyKey, sessionTokenKey } = credentialsSecret;
  const accesskey = { name: "access-key", from: { name, key: accessKeyKey } };
  const secretkey = { name: "secret-key", from: { name, key: secretKeyKey } };
  const token = sessionTokenKey && { name: "session-token", from: { name, key: sessionTokenKey } };
  const credentials = {
    accesskey: referenceTo(accesskey),
    secretkey: referenceTo(secretkey),
    token: token && referenceTo(token),
  };
  const files = token === undefined || token === "" ? [accesskey, secretkey] : [accesskey, secretkey, token];
  return {
    settings: { aws: { secretsmanager: { ...settings, credentials } } },
    volumes: [credentialVolume(files)],
  };
}

function keySecureParts({ endpoint, domain, tokenSecretRef, ca }: KeySecureKeystore): KeystoreParts {
  const { path, volumes } = storeCa(ca);
  const token = { name: "token", from: tokenSecretRef };
  const tls = path === undefined ? undefined : { ca: path };
  const settings = { gemalto: { keysecure: { endpoint, credentials: { token: referenceTo(token), domain }, tls } } };
  return { settings, volumes: [...volumes, credentialVolume([token])] };
}
