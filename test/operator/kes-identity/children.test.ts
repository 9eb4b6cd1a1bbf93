// What is made for an identity, as it is applied.
import assert from "node:assert/strict";
import { test } from "node:test";
import { identityCertificate } from "../../../operator/controllers/kes-identity/objects/certificate.ts";
import { apiKeySecret } from "../../../operator/controllers/kes-identity/objects/api-key-secret.ts";
import { connectionConfigMaps } from "../../../operator/controllers/kes-identity/objects/connection.ts";
import { selfSignedIssuer } from "../../../operator/controllers/kes-identity/objects/issuer.ts";
import type { ConnectionSpec } from "../../../operator/api/generated.ts";
import { anIdentity, wantedCertificate } from "./objects.ts";

const issuer = { name: "ca", kind: "ClusterIssuer", group: "cert-manager.io" };
const marks = { handled: undefined, from: undefined, rotationPolicy: "Never" } as const;
const address = { endpoint: "https://kes.kes-system.svc:7373", caPem: "-----BEGIN CERTIFICATE-----" };

test("a Certificate leaves nothing that concerns the key to cert-manager's defaults", () => {
  const identity = anIdentity({ certificate: wantedCertificate() });
  const { spec, metadata } = identityCertificate(identity, wantedCertificate(), issuer, marks);
  assert.deepEqual(spec, {
    secretName: "minio-kes-tls",
    commonName: "minio.prod",
    duration: "2160h",
    renewBefore: "720h",
    isCA: false,
    usages: ["digital signature", "client auth"],
    privateKey: { algorithm: "ECDSA", size: 256, encoding: "PKCS8", rotationPolicy: "Never" },
    issuerRef: issuer,
    revisionHistoryLimit: 2,
  });
  assert.equal(metadata.annotations, undefined);
});

test("every child is its identity's own, found by label and gone with it", () => {
  const identity = anIdentity({ certificate: wantedCertificate() });
  const children = [
    identityCertificate(identity, wantedCertificate(), issuer, marks),
    selfSignedIssuer(identity),
    apiKeySecret(identity, { current: { text: "kes:v1:x", rotationID: "" } }),
    ...connectionConfigMaps(identity, address),
  ];
  assert.equal(children.length, 5);
  for (const { metadata } of children) {
    assert.equal(metadata.namespace, "prod");
    assert.equal(metadata.labels?.["app.kubernetes.io/managed-by"], "kes-operator");
    assert.equal(metadata.labels["kes-operator.io/identity"], "minio");
    assert.deepEqual(metadata.ownerReferences, [
      {
        apiVersion: "kes-operator.io/v1alpha1",
        kind: "KesIdentity",
        name: "minio",
        uid: "uid-identity",
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
  }
});

test("a key without sizes gets none, and labels go to the Secret", () => {
  const wanted = wantedCertificate({
    secretName: "mine",
    secretLabels: { team: "a" },
    secretAnnotations: { note: "b" },
  });
  const ed25519 = { ...wanted, privateKey: { ...wanted.privateKey, algorithm: "Ed25519" as const } };
  const { spec } = identityCertificate(anIdentity({ certificate: ed25519 }), ed25519, issuer, marks);
  assert.deepEqual(spec.privateKey, { algorithm: "Ed25519", encoding: "PKCS8", rotationPolicy: "Never" });
  assert.deepEqual(spec.secretTemplate, { labels: { team: "a" }, annotations: { note: "b" } });
  assert.equal(spec.secretName, "mine");
});

test("a common name stays within what a certificate can hold", () => {
  const metadata = { name: "a".repeat(52), namespace: "n".repeat(63), uid: "u" };
  const { spec } = identityCertificate(anIdentity({}, { metadata }), wantedCertificate(), issuer, marks);
  assert.equal(spec.commonName, "a".repeat(52));
});

function environment(connection: Partial<ConnectionSpec>, more: Parameters<typeof anIdentity>[0] = {}, caPem = "pem") {
  const source = Object.keys(more).length === 0 ? { certificate: wantedCertificate() } : more;
  const identity = anIdentity({ ...source, connection: { layout: "MinIO", ...connection } });
  const [variables] = connectionConfigMaps(identity, { ...address, caPem: caPem === "" ? undefined : caPem });
  return variables?.data;
}

const connections = [
  {
    what: "a MinIO of one's own",
    data: environment({ keyName: "minio-default" }),
    is: {
      MINIO_KMS_KES_ENDPOINT: address.endpoint,
      MINIO_KMS_KES_KEY_NAME: "minio-default",
      MINIO_KMS_KES_CERT_FILE: "/etc/kes/tls.crt",
      MINIO_KMS_KES_KEY_FILE: "/etc/kes/tls.key",
      MINIO_KMS_KES_CAPATH: "/etc/kes/ca.crt",
    },
  },
  {
    what: "a Tenant, whose MinIO has a folder of roots",
    data: environment({ layout: "Tenant" }),
    is: {
      MINIO_KMS_KES_ENDPOINT: address.endpoint,
      MINIO_KMS_KES_CERT_FILE: "/tmp/certs/client-0/client.crt",
      MINIO_KMS_KES_KEY_FILE: "/tmp/certs/client-0/client.key",
    },
  },
  {
    what: "an API key, which excludes the files of a certificate",
    data: environment({}, { apiKey: {} }),
    is: { MINIO_KMS_KES_ENDPOINT: address.endpoint, MINIO_KMS_KES_CAPATH: "/etc/kes/ca.crt" },
  },
  {
    what: "a server of a public CA",
    data: environment({ mountPath: "/certs" }, {}, ""),
    is: {
      MINIO_KMS_KES_ENDPOINT: address.endpoint,
      MINIO_KMS_KES_CERT_FILE: "/certs/tls.crt",
      MINIO_KMS_KES_KEY_FILE: "/certs/tls.key",
    },
  },
];

for (const { what, data, is } of connections) {
  test(`the connection of ${what}`, () => {
    assert.deepEqual(data, is);
  });
}

test("the CA certificates are in a ConfigMap of their own: their name is none of a variable", () => {
  const [variables, roots, ...more] = connectionConfigMaps(anIdentity({ certificate: wantedCertificate() }), address);
  assert.deepEqual([variables?.metadata.name, roots?.metadata.name, more.length], ["minio-kes", "minio-kes-ca", 0]);
  assert.deepEqual(roots?.data, { "ca.crt": address.caPem });
  for (const name of Object.keys(variables?.data ?? {})) assert.match(name, /^[A-Z_]+$/);
});
