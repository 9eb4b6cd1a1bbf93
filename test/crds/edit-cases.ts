// For every CEL rule about edits an edit that it accepts and one that it refuses, as merge patches of `spec`.
import { aws, fs, hash, identity, key, keysecure, otherHash, server, vault } from "./specs.ts";
import type { Plural, Spec } from "./specs.ts";

export interface EditCase {
  readonly plural: Plural;
  /** Where the rule stands in the schema. */
  readonly at: string;
  readonly message: string;
  readonly before: Spec;
  readonly accepted: Spec;
  readonly refused: Spec;
}

type Edits = readonly [before: Spec, accepted: Spec, refused: Spec];

const on =
  (plural: Plural) =>
  (at: string, message: string, [before, accepted, refused]: Edits): EditCase => {
    return { plural, at, message, before, accepted, refused };
  };
const ofServer = on("kesservers");
const ofIdentity = on("kesidentities");
const ofKey = on("keskeys");

const guard = (what: string): string =>
  `${what} makes every key of this server unreachable; if that is meant, set allowKeystoreChange: true in the same edit`;

/** Each edit is refused, and accepted with the permission in the same edit. */
const guarded = (what: string, before: Spec, edits: readonly Spec[]): readonly EditCase[] =>
  edits.map((keystore) =>
    ofServer("spec", guard(what), [before, { keystore, allowKeystoreChange: true }, { keystore }]),
  );

const claims = { volumeClaim: null, existingClaim: "keys" };
const keystores: readonly EditCase[] = [
  ...guarded("another kind of key store", server(), [{ memory: null, aws: { region: "eu-central-1" } }]),
  ...guarded("another kind of key store", vault(), [{ vault: null, memory: {} }]),
  ...guarded("another volume or path of fs", fs(), [{ fs: { path: "/keys" } }, { fs: claims }]),
  ...guarded("another volume or path of fs", fs(claims), [{ fs: { existingClaim: "others" } }]),
  ...guarded("another endpoint, engine, version, namespace or prefix of vault", vault({ namespace: "a" }), [
    { vault: { endpoint: "https://vault.example:8200" } },
    { vault: { engine: "secret" } },
    { vault: { version: "v1" } },
    { vault: { namespace: "b" } },
    { vault: { namespace: null } },
    { vault: { prefix: "kes" } },
  ]),
  ...guarded("another transit key or mode of vault, or none,", vault({ transit: { key: "kes" } }), [
    { vault: { transit: { key: "other" } } },
    { vault: { transit: { mode: "remote" } } },
    { vault: { transit: null } },
  ]),
  ...guarded("another transit key or mode of vault, or none,", vault(), [
    { vault: { transit: { key: "kes", mode: "remote" } } },
  ]),
  ...guarded("another region, endpoint or prefix of aws", aws({ prefix: "kes/" }), [
    { aws: { region: "eu-west-1" } },
    { aws: { endpoint: "https://vpce.example" } },
    { aws: { prefix: null } },
  ]),
  ...guarded("another endpoint or domain of keysecure", keysecure(), [
    { keysecure: { endpoint: "https://other.example" } },
    { keysecure: { domain: "root" } },
  ]),
  // What leads to the same keys may be edited.
  ofServer("spec", guard("another endpoint, engine, version, namespace or prefix of vault"), [
    vault({ prefix: "kes" }),
    { keystore: { vault: { auth: { kubernetes: { role: "other" } }, tls: { ca: { configMapName: "ca" } } } } },
    { keystore: { vault: { prefix: "kes2" } } },
  ]),
  ofServer("spec", guard("another endpoint, engine, version, namespace or prefix of vault"), [
    vault(),
    { keystore: { vault: { transit: { key: "kes" } } } },
    { keystore: { vault: { engine: "kv2" } } },
  ]),
];

const keyNotChanged = "the key cannot be changed, for another key is another identity; make another KesIdentity";
const identities: readonly EditCase[] = [
  ofIdentity("spec.serverRef", "serverRef cannot be changed; make another KesIdentity for the other server", [
    identity({ hash }),
    { hash: otherHash, policyRef: { name: "minio" } },
    { serverRef: { name: "other" } },
  ]),
  ofIdentity(
    "spec.certificate",
    "secretName cannot be changed: the clients mount that Secret; make another KesIdentity",
    [identity({ certificate: {} }), { certificate: { duration: "1000h" } }, { certificate: { secretName: "tls" } }],
  ),
  ofIdentity("spec.apiKey", "secretName cannot be changed: the clients use that Secret; make another KesIdentity", [
    identity({ apiKey: { secretName: "key" } }),
    { apiKey: { rotationID: "2026-11" } },
    { apiKey: { secretName: null } },
  ]),
  ...[{ algorithm: "RSA", size: 2048 }, { size: 384 }, { encoding: "PKCS1" }].map((privateKey) =>
    ofIdentity("spec.certificate.privateKey", keyNotChanged, [
      identity({ certificate: {} }),
      { certificate: { privateKey: { rotationPolicy: "Always" } } },
      { certificate: { privateKey } },
    ]),
  ),
];

const nameNotChanged = "name cannot be changed; make another KesKey for the other key";
const keys: readonly EditCase[] = [
  ofKey("spec", nameNotChanged, [key(), { expectedFingerprint: "1b9d07f2a4c3e586" }, { name: "other" }]),
  ofKey("spec", nameNotChanged, [key({ name: "minio" }), { name: "minio" }, { name: null }]),
  ofKey("spec.serverRef", "serverRef cannot be changed; make another KesKey for the other server", [
    key(),
    { serverRef: { name: "kes" } },
    { serverRef: { name: "other" } },
  ]),
  ofKey("spec.algorithm", "algorithm cannot be changed: the key exists; make another KesKey", [
    key(),
    { algorithm: "AES256" },
    { algorithm: "ChaCha20" },
  ]),
];

export const editCases: readonly EditCase[] = [
  ofServer("spec.mode", "mode cannot be changed; delete this KesServer and make another one", [
    server(),
    { replicas: 0 },
    { mode: "Sidecar" },
  ]),
  ofServer("spec.workload", "workload cannot be changed; delete this KesServer and make another one", [
    server(),
    { workload: "Deployment" },
    { workload: "StatefulSet" },
  ]),
  ...keystores,
  ...identities,
  ...keys,
];
